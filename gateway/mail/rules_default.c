/* gateway/mail/rules_default.c -- the rules in force when RULES names no file: IBM's own set, with
 * two rules more for the bare name of the NJE domain, and for a secure gateway the nicknames first.
 */
#include "gateway/mail/rewrite.h"

#define FIELDS                                                                                     \
    "Field Definition Section\n"                                                                   \
    "DefaultFields = 'Bcc' 'Cc' 'From' 'Reply-To' 'Resent-From' 'Resent-Reply-To'\n"               \
    "                'Resent-Sender' 'Return-Path' 'Sender' 'To';\n"                               \
    "Rule Definition Section\n"

/* A registered user who has a nickname is known by it alone. */
#define NICKNAMES                                                                                  \
    "SecureNickAddr => SecureNickName '@' TCPHostName;\n"                                          \
    "SecureNickAddr '.' RSCSDomain => SecureNickName '@' TCPHostName;\n"                           \
    "SecureNickAddr '.' AltRSCSDomain => SecureNickName '@' TCPHostName;\n"

/* A dotted RSCSDOMAIN is a domain of the Internet, user@node.domain finds its way; an undotted one
 * means nothing there, so node and domain go before a % and the gateway is the host. */
#define PLAIN                                                                                      \
    "A '@' RSCSHostName => A '@' TCPHostName;\n"                                                   \
    "IF RSCSDomain = '' THEN\n"                                                                    \
    "  A '@' AnyRSCSHostName => A '%' AnyRSCSHostName '@' TCPHostName;\n"                          \
    "ELSE\n"                                                                                       \
    "  A '@' RSCSHostName '.' RSCSDomain => A '@' TCPHostName;\n"                                  \
    "  A '@' RSCSHostName '.' AltRSCSDomain => A '@' TCPHostName;\n"                               \
    "  IF RSCSDomain CONTAINS '.' THEN\n"                                                          \
    "    A '@' AnyRSCSHostName => A '@' AnyRSCSHostName '.' RSCSDomain;\n"                         \
    "    A '@' AnyRSCSHostName '.' RSCSDomain => A '@' AnyRSCSHostName '.' RSCSDomain;\n"          \
    "    A '@' AnyRSCSHostName '.' AltRSCSDomain => A '@' AnyRSCSHostName '.' RSCSDomain;\n"       \
    "  ELSE\n"                                                                                     \
    "    A '@' AnyRSCSHostName => A '%' AnyRSCSHostName '.' RSCSDomain '@' TCPHostName;\n"         \
    "    A '@' AnyRSCSHostName '.' RSCSDomain\n"                                                   \
    "      => A '%' AnyRSCSHostName '.' RSCSDomain '@' TCPHostName;\n"                             \
    "    A '@' AnyRSCSHostName '.' AltRSCSDomain\n"                                                \
    "      => A '%' AnyRSCSHostName '.' RSCSDomain '@' TCPHostName;\n"                             \
    "    A '@' RSCSDomain => A '%' RSCSDomain '@' TCPHostName; -- not in IBM's set\n"              \
    "    A '@' AltRSCSDomain => A '%' RSCSDomain '@' TCPHostName; -- nor this\n"                   \
    "  ENDIF\n"                                                                                    \
    "ENDIF\n"                                                                                      \
    "A '@' TCPHostName => A '@' TCPHostName;\n"                                                    \
    "A '@' ShortTCPHostName => A '@' TCPHostName;\n"                                               \
    "A '@' AltTCPHostName => A '@' TCPHostName;\n"                                                 \
    "A '@' AnyDomainName => A '@' AnyDomainName;\n"                                                \
    "A '@' B => A '@' B '.' TCPHostNameDomain;\n"

const char *rules_default(bool secure)
{
    return secure ? FIELDS NICKNAMES PLAIN : FIELDS PLAIN;
}
