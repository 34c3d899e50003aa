/* rscs/pages.c -- the EBCDIC code pages and their names.
 *
 * A page is a chart and a row of `pages`. Charts are facts of the CDRA registry, sixteen characters
 * to a line, X'40' first: read them against the manual. Where tables in use differ, the one that is
 * a permutation or agrees with the page's euro successor is taken: 278 and 871 as 1143 and 1149
 * have them, U+00AF in 285 as in 1146, 870 and 1026 with all of Latin-2 and Latin-5. A byte without
 * a character is U+FFFD. In 1160 four tone marks stand twice. 924 moves three characters of 1047
 * besides those that Latin-9 replaces.
 */
#include "rscs/pages.h"

#include <pthread.h>
#include <string.h>

#include "base/text.h"

/* clang-format off */

/* X'00' to X'3F', the same in all pages. X'15' is NL U+0085 and X'25' LF. */
#define CONTROLS \
    u"\000\001\002\003\234\011\206\177\227\215\216\013\014\015\016\017" \
    u"\020\021\022\023\235\205\010\207\030\031\222\217\034\035\036\037" \
    u"\200\201\202\203\204\012\027\033\210\211\212\213\214\005\006\007" \
    u"\220\221\026\223\224\225\226\004\230\231\232\233\024\025\236\032"

/* United States, Canada, Netherlands, Portugal, Brazil */
static const uint16_t to_037[] =
    CONTROLS
    u" \u00A0âäàáãåçñ¢.<(+|"
    u"&éêëèíîïìß!$*);¬"
    u"-/ÂÄÀÁÃÅÇÑ¦,%_>?"
    u"øÉÊËÈÍÎÏÌ`:#@'=\""
    u"Øabcdefghi«»ðýþ±"
    u"°jklmnopqrªºæ¸Æ¤"
    u"µ~stuvwxyz¡¿ÐÝÞ®"
    u"^£¥·©§¶¼½¾[]¯¨´×"
    u"{ABCDEFGHI\u00ADôöòóõ"
    u"}JKLMNOPQR¹ûüùúÿ"
    u"\\÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* Latin-1, open systems (z/OS UNIX) */
static const uint16_t to_1047[] =
    CONTROLS
    u" \u00A0âäàáãåçñ¢.<(+|"
    u"&éêëèíîïìß!$*);^"
    u"-/ÂÄÀÁÃÅÇÑ¦,%_>?"
    u"øÉÊËÈÍÎÏÌ`:#@'=\""
    u"Øabcdefghi«»ðýþ±"
    u"°jklmnopqrªºæ¸Æ¤"
    u"µ~stuvwxyz¡¿Ð[Þ®"
    u"¬£¥·©§¶¼½¾Ý¨¯]´×"
    u"{ABCDEFGHI\u00ADôöòóõ"
    u"}JKLMNOPQR¹ûüùúÿ"
    u"\\÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* international */
static const uint16_t to_500[] =
    CONTROLS
    u" \u00A0âäàáãåçñ[.<(+!"
    u"&éêëèíîïìß]$*);^"
    u"-/ÂÄÀÁÃÅÇÑ¦,%_>?"
    u"øÉÊËÈÍÎÏÌ`:#@'=\""
    u"Øabcdefghi«»ðýþ±"
    u"°jklmnopqrªºæ¸Æ¤"
    u"µ~stuvwxyz¡¿ÐÝÞ®"
    u"¢£¥·©§¶¼½¾¬|¯¨´×"
    u"{ABCDEFGHI\u00ADôöòóõ"
    u"}JKLMNOPQR¹ûüùúÿ"
    u"\\÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* Germany, Austria */
static const uint16_t to_273[] =
    CONTROLS
    u" \u00A0â{àáãåçñÄ.<(+!"
    u"&éêëèíîïì~Ü$*);^"
    u"-/Â[ÀÁÃÅÇÑö,%_>?"
    u"øÉÊËÈÍÎÏÌ`:#§'=\""
    u"Øabcdefghi«»ðýþ±"
    u"°jklmnopqrªºæ¸Æ¤"
    u"µßstuvwxyz¡¿ÐÝÞ®"
    u"¢£¥·©@¶¼½¾¬|¯¨´×"
    u"äABCDEFGHI\u00ADô¦òóõ"
    u"üJKLMNOPQR¹û}ùúÿ"
    u"Ö÷STUVWXYZ²Ô\\ÒÓÕ"
    u"0123456789³Û]ÙÚ\237";
/* Denmark, Norway */
static const uint16_t to_277[] =
    CONTROLS
    u" \u00A0âäàáã}çñ#.<(+!"
    u"&éêëèíîïìß¤Å*);^"
    u"-/ÂÄÀÁÃ$ÇÑø,%_>?"
    u"¦ÉÊËÈÍÎÏÌ`:ÆØ'=\""
    u"@abcdefghi«»ðýþ±"
    u"°jklmnopqrªº{¸[]"
    u"µüstuvwxyz¡¿ÐÝÞ®"
    u"¢£¥·©§¶¼½¾¬|¯¨´×"
    u"æABCDEFGHI\u00ADôöòóõ"
    u"åJKLMNOPQR¹û~ùúÿ"
    u"\\÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* Finland, Sweden */
static const uint16_t to_278[] =
    CONTROLS
    u" \u00A0â{àáã}çñ§.<(+!"
    u"&`êëèíîïìß¤Å*);^"
    u"-/Â#ÀÁÃ$ÇÑö,%_>?"
    u"ø\\ÊËÈÍÎÏÌé:ÄÖ'=\""
    u"Øabcdefghi«»ðýþ±"
    u"°jklmnopqrªºæ¸Æ]"
    u"µüstuvwxyz¡¿ÐÝÞ®"
    u"¢£¥·©[¶¼½¾¬|¯¨´×"
    u"äABCDEFGHI\u00ADô¦òóõ"
    u"åJKLMNOPQR¹û~ùúÿ"
    u"É÷STUVWXYZ²Ô@ÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* Italy */
static const uint16_t to_280[] =
    CONTROLS
    u" \u00A0âä{áãå\\ñ°.<(+!"
    u"&]êë}íîï~ßé$*);^"
    u"-/ÂÄÀÁÃÅÇÑò,%_>?"
    u"øÉÊËÈÍÎÏÌù:£§'=\""
    u"Øabcdefghi«»ðýþ±"
    u"[jklmnopqrªºæ¸Æ¤"
    u"µìstuvwxyz¡¿ÐÝÞ®"
    u"¢#¥·©@¶¼½¾¬|¯¨´×"
    u"àABCDEFGHI\u00ADôö¦óõ"
    u"èJKLMNOPQR¹ûü`úÿ"
    u"ç÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* Spain, Latin America */
static const uint16_t to_284[] =
    CONTROLS
    u" \u00A0âäàáãåç¦[.<(+|"
    u"&éêëèíîïìß]$*);¬"
    u"-/ÂÄÀÁÃÅÇ#ñ,%_>?"
    u"øÉÊËÈÍÎÏÌ`:Ñ@'=\""
    u"Øabcdefghi«»ðýþ±"
    u"°jklmnopqrªºæ¸Æ¤"
    u"µ¨stuvwxyz¡¿ÐÝÞ®"
    u"¢£¥·©§¶¼½¾^!¯~´×"
    u"{ABCDEFGHI\u00ADôöòóõ"
    u"}JKLMNOPQR¹ûüùúÿ"
    u"\\÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* United Kingdom */
static const uint16_t to_285[] =
    CONTROLS
    u" \u00A0âäàáãåçñ$.<(+|"
    u"&éêëèíîïìß!£*);¬"
    u"-/ÂÄÀÁÃÅÇÑ¦,%_>?"
    u"øÉÊËÈÍÎÏÌ`:#@'=\""
    u"Øabcdefghi«»ðýþ±"
    u"°jklmnopqrªºæ¸Æ¤"
    u"µ¯stuvwxyz¡¿ÐÝÞ®"
    u"¢[¥·©§¶¼½¾^]~¨´×"
    u"{ABCDEFGHI\u00ADôöòóõ"
    u"}JKLMNOPQR¹ûüùúÿ"
    u"\\÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* France */
static const uint16_t to_297[] =
    CONTROLS
    u" \u00A0âä@áãå\\ñ°.<(+!"
    u"&{êë}íîïìß§$*);^"
    u"-/ÂÄÀÁÃÅÇÑù,%_>?"
    u"øÉÊËÈÍÎÏÌµ:£à'=\""
    u"Øabcdefghi«»ðýþ±"
    u"[jklmnopqrªºæ¸Æ¤"
    u"`¨stuvwxyz¡¿ÐÝÞ®"
    u"¢#¥·©]¶¼½¾¬|¯~´×"
    u"éABCDEFGHI\u00ADôöòóõ"
    u"èJKLMNOPQR¹ûü¦úÿ"
    u"ç÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* Iceland */
static const uint16_t to_871[] =
    CONTROLS
    u" \u00A0âäàáãåçñÞ.<(+!"
    u"&éêëèíîïìßÆ$*);Ö"
    u"-/ÂÄÀÁÃÅÇÑ¦,%_>?"
    u"øÉÊËÈÍÎÏÌð:#Ð'=\""
    u"Øabcdefghi«»`ý{±"
    u"°jklmnopqrªº}¸]¤"
    u"µöstuvwxyz¡¿@Ý[®"
    u"¢£¥·©§¶¼½¾¬|¯¨\\×"
    u"þABCDEFGHI\u00ADô~òóõ"
    u"æJKLMNOPQR¹ûüùúÿ"
    u"´÷STUVWXYZ²Ô^ÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* Latin-9 in the layout of 1047 */
static const uint16_t to_924[] =
    CONTROLS
    u" \u00A0âäàáãåçñÝ.<(+|"
    u"&éêëèíîïìß!$*);^"
    u"-/ÂÄÀÁÃÅÇÑŠ,%_>?"
    u"øÉÊËÈÍÎÏÌ`:#@'=\""
    u"Øabcdefghi«»ðýþ±"
    u"°jklmnopqrªºæžÆ€"
    u"µ~stuvwxyz¡¿Ð[Þ®"
    u"¢£¥·©§¶ŒœŸ¬š¯]Ž×"
    u"{ABCDEFGHI\u00ADôöòóõ"
    u"}JKLMNOPQR¹ûüùúÿ"
    u"\\÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* 037 with the euro */
static const uint16_t to_1140[] =
    CONTROLS
    u" \u00A0âäàáãåçñ¢.<(+|"
    u"&éêëèíîïìß!$*);¬"
    u"-/ÂÄÀÁÃÅÇÑ¦,%_>?"
    u"øÉÊËÈÍÎÏÌ`:#@'=\""
    u"Øabcdefghi«»ðýþ±"
    u"°jklmnopqrªºæ¸Æ€"
    u"µ~stuvwxyz¡¿ÐÝÞ®"
    u"^£¥·©§¶¼½¾[]¯¨´×"
    u"{ABCDEFGHI\u00ADôöòóõ"
    u"}JKLMNOPQR¹ûüùúÿ"
    u"\\÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* 273 with the euro */
static const uint16_t to_1141[] =
    CONTROLS
    u" \u00A0â{àáãåçñÄ.<(+!"
    u"&éêëèíîïì~Ü$*);^"
    u"-/Â[ÀÁÃÅÇÑö,%_>?"
    u"øÉÊËÈÍÎÏÌ`:#§'=\""
    u"Øabcdefghi«»ðýþ±"
    u"°jklmnopqrªºæ¸Æ€"
    u"µßstuvwxyz¡¿ÐÝÞ®"
    u"¢£¥·©@¶¼½¾¬|¯¨´×"
    u"äABCDEFGHI\u00ADô¦òóõ"
    u"üJKLMNOPQR¹û}ùúÿ"
    u"Ö÷STUVWXYZ²Ô\\ÒÓÕ"
    u"0123456789³Û]ÙÚ\237";
/* 277 with the euro */
static const uint16_t to_1142[] =
    CONTROLS
    u" \u00A0âäàáã}çñ#.<(+!"
    u"&éêëèíîïìß€Å*);^"
    u"-/ÂÄÀÁÃ$ÇÑø,%_>?"
    u"¦ÉÊËÈÍÎÏÌ`:ÆØ'=\""
    u"@abcdefghi«»ðýþ±"
    u"°jklmnopqrªº{¸[]"
    u"µüstuvwxyz¡¿ÐÝÞ®"
    u"¢£¥·©§¶¼½¾¬|¯¨´×"
    u"æABCDEFGHI\u00ADôöòóõ"
    u"åJKLMNOPQR¹û~ùúÿ"
    u"\\÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* 278 with the euro */
static const uint16_t to_1143[] =
    CONTROLS
    u" \u00A0â{àáã}çñ§.<(+!"
    u"&`êëèíîïìß€Å*);^"
    u"-/Â#ÀÁÃ$ÇÑö,%_>?"
    u"ø\\ÊËÈÍÎÏÌé:ÄÖ'=\""
    u"Øabcdefghi«»ðýþ±"
    u"°jklmnopqrªºæ¸Æ]"
    u"µüstuvwxyz¡¿ÐÝÞ®"
    u"¢£¥·©[¶¼½¾¬|¯¨´×"
    u"äABCDEFGHI\u00ADô¦òóõ"
    u"åJKLMNOPQR¹û~ùúÿ"
    u"É÷STUVWXYZ²Ô@ÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* 280 with the euro */
static const uint16_t to_1144[] =
    CONTROLS
    u" \u00A0âä{áãå\\ñ°.<(+!"
    u"&]êë}íîï~ßé$*);^"
    u"-/ÂÄÀÁÃÅÇÑò,%_>?"
    u"øÉÊËÈÍÎÏÌù:£§'=\""
    u"Øabcdefghi«»ðýþ±"
    u"[jklmnopqrªºæ¸Æ€"
    u"µìstuvwxyz¡¿ÐÝÞ®"
    u"¢#¥·©@¶¼½¾¬|¯¨´×"
    u"àABCDEFGHI\u00ADôö¦óõ"
    u"èJKLMNOPQR¹ûü`úÿ"
    u"ç÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* 284 with the euro */
static const uint16_t to_1145[] =
    CONTROLS
    u" \u00A0âäàáãåç¦[.<(+|"
    u"&éêëèíîïìß]$*);¬"
    u"-/ÂÄÀÁÃÅÇ#ñ,%_>?"
    u"øÉÊËÈÍÎÏÌ`:Ñ@'=\""
    u"Øabcdefghi«»ðýþ±"
    u"°jklmnopqrªºæ¸Æ€"
    u"µ¨stuvwxyz¡¿ÐÝÞ®"
    u"¢£¥·©§¶¼½¾^!¯~´×"
    u"{ABCDEFGHI\u00ADôöòóõ"
    u"}JKLMNOPQR¹ûüùúÿ"
    u"\\÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* 285 with the euro */
static const uint16_t to_1146[] =
    CONTROLS
    u" \u00A0âäàáãåçñ$.<(+|"
    u"&éêëèíîïìß!£*);¬"
    u"-/ÂÄÀÁÃÅÇÑ¦,%_>?"
    u"øÉÊËÈÍÎÏÌ`:#@'=\""
    u"Øabcdefghi«»ðýþ±"
    u"°jklmnopqrªºæ¸Æ€"
    u"µ¯stuvwxyz¡¿ÐÝÞ®"
    u"¢[¥·©§¶¼½¾^]~¨´×"
    u"{ABCDEFGHI\u00ADôöòóõ"
    u"}JKLMNOPQR¹ûüùúÿ"
    u"\\÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* 297 with the euro */
static const uint16_t to_1147[] =
    CONTROLS
    u" \u00A0âä@áãå\\ñ°.<(+!"
    u"&{êë}íîïìß§$*);^"
    u"-/ÂÄÀÁÃÅÇÑù,%_>?"
    u"øÉÊËÈÍÎÏÌµ:£à'=\""
    u"Øabcdefghi«»ðýþ±"
    u"[jklmnopqrªºæ¸Æ€"
    u"`¨stuvwxyz¡¿ÐÝÞ®"
    u"¢#¥·©]¶¼½¾¬|¯~´×"
    u"éABCDEFGHI\u00ADôöòóõ"
    u"èJKLMNOPQR¹ûü¦úÿ"
    u"ç÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* 500 with the euro */
static const uint16_t to_1148[] =
    CONTROLS
    u" \u00A0âäàáãåçñ[.<(+!"
    u"&éêëèíîïìß]$*);^"
    u"-/ÂÄÀÁÃÅÇÑ¦,%_>?"
    u"øÉÊËÈÍÎÏÌ`:#@'=\""
    u"Øabcdefghi«»ðýþ±"
    u"°jklmnopqrªºæ¸Æ€"
    u"µ~stuvwxyz¡¿ÐÝÞ®"
    u"¢£¥·©§¶¼½¾¬|¯¨´×"
    u"{ABCDEFGHI\u00ADôöòóõ"
    u"}JKLMNOPQR¹ûüùúÿ"
    u"\\÷STUVWXYZ²ÔÖÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* 871 with the euro */
static const uint16_t to_1149[] =
    CONTROLS
    u" \u00A0âäàáãåçñÞ.<(+!"
    u"&éêëèíîïìßÆ$*);Ö"
    u"-/ÂÄÀÁÃÅÇÑ¦,%_>?"
    u"øÉÊËÈÍÎÏÌð:#Ð'=\""
    u"Øabcdefghi«»`ý{±"
    u"°jklmnopqrªº}¸]€"
    u"µöstuvwxyz¡¿@Ý[®"
    u"¢£¥·©§¶¼½¾¬|¯¨\\×"
    u"þABCDEFGHI\u00ADô~òóõ"
    u"æJKLMNOPQR¹ûüùúÿ"
    u"´÷STUVWXYZ²Ô^ÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* Latin-2 */
static const uint16_t to_870[] =
    CONTROLS
    u" \u00A0âäţáăčçć[.<(+!"
    u"&éęëůíîľĺß]$*);^"
    u"-/ÂÄ˝ÁĂČÇĆ|,%_>?"
    u"ˇÉĘËŮÍÎĽĹ`:#@'=\""
    u"˘abcdefghiśňđýřş"
    u"°jklmnopqrłńš¸˛¤"
    u"ą~stuvwxyzŚŇĐÝŘŞ"
    u"˙ĄżŢŻ§žźŽŹŁŃŠ¨´×"
    u"{ABCDEFGHI\u00ADôöŕóő"
    u"}JKLMNOPQRĚűüťúě"
    u"\\÷STUVWXYZďÔÖŔÓŐ"
    u"0123456789ĎŰÜŤÚ\237";
/* 870 with the euro */
static const uint16_t to_1153[] =
    CONTROLS
    u" \u00A0âäţáăčçć[.<(+!"
    u"&éęëůíîľĺß]$*);^"
    u"-/ÂÄ˝ÁĂČÇĆ|,%_>?"
    u"ˇÉĘËŮÍÎĽĹ`:#@'=\""
    u"˘abcdefghiśňđýřş"
    u"°jklmnopqrłńš¸˛€"
    u"ą~stuvwxyzŚŇĐÝŘŞ"
    u"˙ĄżŢŻ§žźŽŹŁŃŠ¨´×"
    u"{ABCDEFGHI\u00ADôöŕóő"
    u"}JKLMNOPQRĚűüťúě"
    u"\\÷STUVWXYZďÔÖŔÓŐ"
    u"0123456789ĎŰÜŤÚ\237";
/* Turkey */
static const uint16_t to_1026[] =
    CONTROLS
    u" \u00A0âäàáãå{ñÇ.<(+!"
    u"&éêëèíîïìßĞİ*);^"
    u"-/ÂÄÀÁÃÅ[Ñş,%_>?"
    u"øÉÊËÈÍÎÏÌı:ÖŞ'=Ü"
    u"Øabcdefghi«»}`¦±"
    u"°jklmnopqrªºæ¸Æ¤"
    u"µöstuvwxyz¡¿]$@®"
    u"¢£¥·©§¶¼½¾¬|¯¨´×"
    u"çABCDEFGHI\u00ADô~òóõ"
    u"ğJKLMNOPQR¹û\\ùúÿ"
    u"ü÷STUVWXYZ²Ô#ÒÓÕ"
    u"0123456789³Û\"ÙÚ\237";
/* Baltic */
static const uint16_t to_1112[] =
    CONTROLS
    u" \u00A0šäąįūåēž¢.<(+|"
    u"&éęėčų„“ģß!$*);¬"
    u"-/ŠÄĄĮŪÅĒŽ¦,%_>?"
    u"øÉĘĖČŲĪĻĢ`:#@'=\""
    u"Øabcdefghi«»āżń±"
    u"°jklmnopqrŖŗæķÆ¤"
    u"µ~stuvwxyz”źĀŻŃ®"
    u"^£ī·©§¶¼½¾[]ŹĶļ×"
    u"{ABCDEFGHI\u00ADōöņóõ"
    u"}JKLMNOPQR¹ćüłś’"
    u"\\÷STUVWXYZ²ŌÖŅÓÕ"
    u"0123456789³ĆÜŁŚ\237";
/* Estonia */
static const uint16_t to_1122[] =
    CONTROLS
    u" \u00A0â{àáã}çñ§.<(+!"
    u"&`êëèíîïìß¤Å*);^"
    u"-/Â#ÀÁÃ$ÇÑö,%_>?"
    u"ø\\ÊËÈÍÎÏÌé:ÄÖ'=\""
    u"Øabcdefghi«»šýž±"
    u"°jklmnopqrªºæ¸Æ]"
    u"µüstuvwxyz¡¿ŠÝŽ®"
    u"¢£¥·©[¶¼½¾¬|¯¨´×"
    u"äABCDEFGHI\u00ADô¦òóõ"
    u"åJKLMNOPQR¹û~ùúÿ"
    u"É÷STUVWXYZ²Ô@ÒÓÕ"
    u"0123456789³ÛÜÙÚ\237";
/* Cyrillic */
static const uint16_t to_1025[] =
    CONTROLS
    u" \u00A0ђѓёєѕіїј[.<(+!"
    u"&љњћќўџЪ№Ђ]$*);^"
    u"-/ЃЁЄЅІЇЈЉ|,%_>?"
    u"ЊЋЌ\u00ADЎЏюаб`:#@'=\""
    u"цabcdefghiдефгхи"
    u"йjklmnopqrклмноп"
    u"я~stuvwxyzрстужв"
    u"ьызшэщчъЮАБЦДЕФГ"
    u"{ABCDEFGHIХИЙКЛМ"
    u"}JKLMNOPQRНОПЯРС"
    u"\\§STUVWXYZТУЖВЬЫ"
    u"0123456789ЗШЭЩЧ\237";
/* 1025 with the euro */
static const uint16_t to_1154[] =
    CONTROLS
    u" \u00A0ђѓёєѕіїј[.<(+!"
    u"&љњћќўџЪ№Ђ]$*);^"
    u"-/ЃЁЄЅІЇЈЉ|,%_>?"
    u"ЊЋЌ\u00ADЎЏюаб`:#@'=\""
    u"цabcdefghiдефгхи"
    u"йjklmnopqrклмноп"
    u"я~stuvwxyzрстужв"
    u"ьызшэщчъЮАБЦДЕФГ"
    u"{ABCDEFGHIХИЙКЛМ"
    u"}JKLMNOPQRНОПЯРС"
    u"\\€STUVWXYZТУЖВЬЫ"
    u"0123456789ЗШЭЩЧ\237";
/* Greece */
static const uint16_t to_875[] =
    CONTROLS
    u" ΑΒΓΔΕΖΗΘΙ[.<(+!"
    u"&ΚΛΜΝΞΟΠΡΣ]$*);^"
    u"-/ΤΥΦΧΨΩΪΫ|,%_>?"
    u"¨ΆΈΉ\u00A0ΊΌΎΏ`:#@'=\""
    u"΅abcdefghiαβγδεζ"
    u"°jklmnopqrηθικλμ"
    u"´~stuvwxyzνξοπρσ"
    u"£άέήϊίόύϋώςτυφχψ"
    u"{ABCDEFGHI\u00ADωΐΰ‘―"
    u"}JKLMNOPQR±½\uFFFD·’¦"
    u"\\\uFFFDSTUVWXYZ²§\uFFFD\uFFFD«¬"
    u"0123456789³©\uFFFD\uFFFD»\237";
/* Japan, Katakana */
static const uint16_t to_290[] =
    CONTROLS
    u" \uFF61\uFF62\uFF63\uFF64\uFF65\uFF66\uFF67\uFF68\uFF69£.<(+|"
    u"&\uFF6A\uFF6B\uFF6C\uFF6D\uFF6E\uFF6F\uFFFD\uFF70\uFFFD!¥*);¬"
    u"-/abcdefgh\uFFFD,%_>?"
    u"[ijklmnop`:#@'=\""
    u"]\uFF71\uFF72\uFF73\uFF74\uFF75\uFF76\uFF77\uFF78\uFF79\uFF7Aq\uFF7B\uFF7C\uFF7D\uFF7E"
    u"\uFF7F\uFF80\uFF81\uFF82\uFF83\uFF84\uFF85\uFF86\uFF87\uFF88\uFF89r\uFFFD\uFF8A\uFF8B\uFF8C"
    u"~‾\uFF8D\uFF8E\uFF8F\uFF90\uFF91\uFF92\uFF93\uFF94\uFF95s\uFF96\uFF97\uFF98\uFF99"
    u"^¢\\tuvwxyz\uFF9A\uFF9B\uFF9C\uFF9D\uFF9E\uFF9F"
    u"{ABCDEFGHI\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
    u"}JKLMNOPQR\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
    u"$\uFFFDSTUVWXYZ\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
    u"0123456789\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\237";
/* Arabic */
static const uint16_t to_420[] =
    CONTROLS
    u" \u00A0\u0651\uFE7D\u0640\uFFFD\u0621\u0622\uFE82\u0623¢.<(+|"
    u"&\uFE84\u0624\uFFFD\uFFFD\u0626\u0627\uFE8E\u0628\uFE91!$*);¬"
    u"-/\u0629\u062A\uFE97\u062B\uFE9B\u062C\uFE9F\u062D¦,%_>?"
    u"\uFEA3\u062E\uFEA7\u062F\u0630\u0631\u0632\u0633\uFEB3،:#@'=\""
    u"\u0634abcdefghi\uFEB7\u0635\uFEBB\u0636\uFEBF\u0637"
    u"\u0638jklmnopqr\u0639\uFECA\uFECB\uFECC\u063A\uFECE"
    u"\uFECF÷stuvwxyz\uFED0\u0641\uFED3\u0642\uFED7\u0643"
    u"\uFEDB\u0644\uFEF5\uFEF6\uFEF7\uFEF8\uFFFD\uFFFD"
    u"\uFEFB\uFEFC\uFEDF\u0645\uFEE3\u0646\uFEE7\u0647"
    u"\u061BABCDEFGHI\u00AD\uFEEB\uFFFD\uFEEC\uFFFD\u0648"
    u"\u061FJKLMNOPQR\u0649\uFEF0\u064A\uFEF2\uFEF3\u0660"
    u"×\uFFFDSTUVWXYZ\u0661\u0662\uFFFD\u0663\u0664\u0665"
    u"0123456789\uFFFD\u0666\u0667\u0668\u0669\237";
/* Hebrew */
static const uint16_t to_424[] =
    CONTROLS
    u" \u05D0\u05D1\u05D2\u05D3\u05D4\u05D5\u05D6\u05D7\u05D8¢.<(+|"
    u"&\u05D9\u05DA\u05DB\u05DC\u05DD\u05DE\u05DF\u05E0\u05E1!$*);¬"
    u"-/\u05E2\u05E3\u05E4\u05E5\u05E6\u05E7\u05E8\u05E9¦,%_>?"
    u"\uFFFD\u05EA\uFFFD\uFFFD\u00A0\uFFFD\uFFFD\uFFFD‗`:#@'=\""
    u"\uFFFDabcdefghi«»\uFFFD\uFFFD\uFFFD±"
    u"°jklmnopqr\uFFFD\uFFFD\uFFFD¸\uFFFD¤"
    u"µ~stuvwxyz\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD®"
    u"^£¥·©§¶¼½¾[]¯¨´×"
    u"{ABCDEFGHI\u00AD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
    u"}JKLMNOPQR¹\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
    u"\\÷STUVWXYZ²\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
    u"0123456789³\uFFFD\uFFFD\uFFFD\uFFFD\237";
/* Viet Nam */
static const uint16_t to_1130[] =
    CONTROLS
    u" \u00A0âäàáăåçñ[.<(+!"
    u"&éêëèíîï\u0303ß]$*);^"
    u"-/ÂÄÀÁĂÅÇÑ¦,%_>?"
    u"øÉÊËÈÍÎÏ₫`:#@'=\""
    u"Øabcdefghi«»đ\u0309\u0300±"
    u"°jklmnopqrªºæŒÆ¤"
    u"µ~stuvwxyz¡¿Đ\u0323\u0301®"
    u"¢£¥·©§¶¼½¾¬|¯œŸ×"
    u"{ABCDEFGHI\u00ADôöưóơ"
    u"}JKLMNOPQR¹ûüùúÿ"
    u"\\÷STUVWXYZ²ÔÖƯÓƠ"
    u"0123456789³ÛÜÙÚ\237";
/* Laos */
static const uint16_t to_1132[] =
    CONTROLS
    u" \u00A0\u0E81\u0E82\u0E84\u0E87\u0E88\u0EAA\u0E8A[¢.<(+|"
    u"&\uFFFD\u0E8D\u0E94\u0E95\u0E96\u0E97\u0E99\u0E9A]!$*);¬"
    u"-/\u0E9B\u0E9C\u0E9D\u0E9E\u0E9F\u0EA1\u0EA2^¦,%_>?"
    u"₭\uFFFD\u0EA3\u0EA5\u0EA7\u0EAB\u0EAD\u0EAE\uFFFD`:#@'=\""
    u"\uFFFDabcdefghi\uFFFD\uFFFD\u0EAF\u0EB0\u0EB2\u0EB3"
    u"\uFFFDjklmnopqr\u0EB4\u0EB5\u0EB6\u0EB7\u0EB8\u0EB9"
    u"\uFFFD~stuvwxyz\u0EBC\u0EB1\u0EBB\u0EBD\uFFFD\uFFFD"
    u"\u0ED0\u0ED1\u0ED2\u0ED3\u0ED4\u0ED5\u0ED6\u0ED7"
    u"\u0ED8\u0ED9\uFFFD\u0EC0\u0EC1\u0EC2\u0EC3\u0EC4"
    u"{ABCDEFGHI\uFFFD\u0EC8\u0EC9\u0ECA\u0ECB\u0ECC"
    u"}JKLMNOPQR\u0ECD\u0EC6\uFFFD\u0EDC\u0EDD\uFFFD"
    u"\\\uFFFDSTUVWXYZ\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
    u"0123456789\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\237";
/* Thailand */
static const uint16_t to_1160[] =
    CONTROLS
    u" \u00A0\u0E01\u0E02\u0E03\u0E04\u0E05\u0E06\u0E07[¢.<(+|"
    u"&\u0E48\u0E08\u0E09\u0E0A\u0E0B\u0E0C\u0E0D\u0E0E]!$*);¬"
    u"-/\u0E0F\u0E10\u0E11\u0E12\u0E13\u0E14\u0E15^¦,%_>?"
    u"\u0E3F\u0E4E\u0E16\u0E17\u0E18\u0E19\u0E1A\u0E1B\u0E1C`:#@'=\""
    u"\u0E4Fabcdefghi\u0E1D\u0E1E\u0E1F\u0E20\u0E21\u0E22"
    u"\u0E5Ajklmnopqr\u0E23\u0E24\u0E25\u0E26\u0E27\u0E28"
    u"\u0E5B~stuvwxyz\u0E29\u0E2A\u0E2B\u0E2C\u0E2D\u0E2E"
    u"\u0E50\u0E51\u0E52\u0E53\u0E54\u0E55\u0E56\u0E57"
    u"\u0E58\u0E59\u0E2F\u0E30\u0E31\u0E32\u0E33\u0E34"
    u"{ABCDEFGHI\u0E49\u0E35\u0E36\u0E37\u0E38\u0E39"
    u"}JKLMNOPQR\u0E3A\u0E40\u0E41\u0E42\u0E43\u0E44"
    u"\\\u0E4ASTUVWXYZ\u0E45\u0E46\u0E47\u0E48\u0E49\u0E4A"
    u"0123456789\u0E4B\u0E4C\u0E4D\u0E4B€\237";

/* Latin-1 to byte, for the pages most nodes have. */
static const uint8_t from_037[256] = {
    0x00, 0x01, 0x02, 0x03, 0x37, 0x2d, 0x2e, 0x2f, 0x16, 0x05, 0x25, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x10, 0x11, 0x12, 0x13, 0x3c, 0x3d, 0x32, 0x26, 0x18, 0x19, 0x3f, 0x27, 0x1c, 0x1d, 0x1e, 0x1f,
    0x40, 0x5a, 0x7f, 0x7b, 0x5b, 0x6c, 0x50, 0x7d, 0x4d, 0x5d, 0x5c, 0x4e, 0x6b, 0x60, 0x4b, 0x61,
    0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0x7a, 0x5e, 0x4c, 0x7e, 0x6e, 0x6f,
    0x7c, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6,
    0xd7, 0xd8, 0xd9, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xba, 0xe0, 0xbb, 0xb0, 0x6d,
    0x79, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xc0, 0x4f, 0xd0, 0xa1, 0x07,
    0x20, 0x21, 0x22, 0x23, 0x24, 0x15, 0x06, 0x17, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x09, 0x0a, 0x1b,
    0x30, 0x31, 0x1a, 0x33, 0x34, 0x35, 0x36, 0x08, 0x38, 0x39, 0x3a, 0x3b, 0x04, 0x14, 0x3e, 0xff,
    0x41, 0xaa, 0x4a, 0xb1, 0x9f, 0xb2, 0x6a, 0xb5, 0xbd, 0xb4, 0x9a, 0x8a, 0x5f, 0xca, 0xaf, 0xbc,
    0x90, 0x8f, 0xea, 0xfa, 0xbe, 0xa0, 0xb6, 0xb3, 0x9d, 0xda, 0x9b, 0x8b, 0xb7, 0xb8, 0xb9, 0xab,
    0x64, 0x65, 0x62, 0x66, 0x63, 0x67, 0x9e, 0x68, 0x74, 0x71, 0x72, 0x73, 0x78, 0x75, 0x76, 0x77,
    0xac, 0x69, 0xed, 0xee, 0xeb, 0xef, 0xec, 0xbf, 0x80, 0xfd, 0xfe, 0xfb, 0xfc, 0xad, 0xae, 0x59,
    0x44, 0x45, 0x42, 0x46, 0x43, 0x47, 0x9c, 0x48, 0x54, 0x51, 0x52, 0x53, 0x58, 0x55, 0x56, 0x57,
    0x8c, 0x49, 0xcd, 0xce, 0xcb, 0xcf, 0xcc, 0xe1, 0x70, 0xdd, 0xde, 0xdb, 0xdc, 0x8d, 0x8e, 0xdf,
};

static const uint8_t from_1047[256] = {
    0x00, 0x01, 0x02, 0x03, 0x37, 0x2d, 0x2e, 0x2f, 0x16, 0x05, 0x25, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x10, 0x11, 0x12, 0x13, 0x3c, 0x3d, 0x32, 0x26, 0x18, 0x19, 0x3f, 0x27, 0x1c, 0x1d, 0x1e, 0x1f,
    0x40, 0x5a, 0x7f, 0x7b, 0x5b, 0x6c, 0x50, 0x7d, 0x4d, 0x5d, 0x5c, 0x4e, 0x6b, 0x60, 0x4b, 0x61,
    0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0x7a, 0x5e, 0x4c, 0x7e, 0x6e, 0x6f,
    0x7c, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6,
    0xd7, 0xd8, 0xd9, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xad, 0xe0, 0xbd, 0x5f, 0x6d,
    0x79, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xc0, 0x4f, 0xd0, 0xa1, 0x07,
    0x20, 0x21, 0x22, 0x23, 0x24, 0x15, 0x06, 0x17, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x09, 0x0a, 0x1b,
    0x30, 0x31, 0x1a, 0x33, 0x34, 0x35, 0x36, 0x08, 0x38, 0x39, 0x3a, 0x3b, 0x04, 0x14, 0x3e, 0xff,
    0x41, 0xaa, 0x4a, 0xb1, 0x9f, 0xb2, 0x6a, 0xb5, 0xbb, 0xb4, 0x9a, 0x8a, 0xb0, 0xca, 0xaf, 0xbc,
    0x90, 0x8f, 0xea, 0xfa, 0xbe, 0xa0, 0xb6, 0xb3, 0x9d, 0xda, 0x9b, 0x8b, 0xb7, 0xb8, 0xb9, 0xab,
    0x64, 0x65, 0x62, 0x66, 0x63, 0x67, 0x9e, 0x68, 0x74, 0x71, 0x72, 0x73, 0x78, 0x75, 0x76, 0x77,
    0xac, 0x69, 0xed, 0xee, 0xeb, 0xef, 0xec, 0xbf, 0x80, 0xfd, 0xfe, 0xfb, 0xfc, 0xba, 0xae, 0x59,
    0x44, 0x45, 0x42, 0x46, 0x43, 0x47, 0x9c, 0x48, 0x54, 0x51, 0x52, 0x53, 0x58, 0x55, 0x56, 0x57,
    0x8c, 0x49, 0xcd, 0xce, 0xcb, 0xcf, 0xcc, 0xe1, 0x70, 0xdd, 0xde, 0xdb, 0xdc, 0x8d, 0x8e, 0xdf,
};
/* clang-format on */

/* iconv writes the backslash and the tilde of 930 and 939 as the bytes of yen and overline, ICU as
 * those that are read as backslash and tilde again. */
static const struct ebc_page pages[] = {
    {37, "037", to_037, from_037, NULL, NULL},
    {1047, "1047", to_1047, from_1047, NULL, NULL},
    {500, "500", to_500, NULL, NULL, NULL},
    {273, "273", to_273, NULL, NULL, NULL},
    {277, "277", to_277, NULL, NULL, NULL},
    {278, "278", to_278, NULL, NULL, NULL},
    {280, "280", to_280, NULL, NULL, NULL},
    {284, "284", to_284, NULL, NULL, NULL},
    {285, "285", to_285, NULL, NULL, NULL},
    {297, "297", to_297, NULL, NULL, NULL},
    {871, "871", to_871, NULL, NULL, NULL},
    {924, "924", to_924, NULL, NULL, NULL},
    {1140, "1140", to_1140, NULL, NULL, NULL},
    {1141, "1141", to_1141, NULL, NULL, NULL},
    {1142, "1142", to_1142, NULL, NULL, NULL},
    {1143, "1143", to_1143, NULL, NULL, NULL},
    {1144, "1144", to_1144, NULL, NULL, NULL},
    {1145, "1145", to_1145, NULL, NULL, NULL},
    {1146, "1146", to_1146, NULL, NULL, NULL},
    {1147, "1147", to_1147, NULL, NULL, NULL},
    {1148, "1148", to_1148, NULL, NULL, NULL},
    {1149, "1149", to_1149, NULL, NULL, NULL},
    {870, "870", to_870, NULL, NULL, NULL},
    {1153, "1153", to_1153, NULL, NULL, NULL},
    {1026, "1026", to_1026, NULL, NULL, NULL},
    {1112, "1112", to_1112, NULL, NULL, NULL},
    {1122, "1122", to_1122, NULL, NULL, NULL},
    {1025, "1025", to_1025, NULL, NULL, NULL},
    {1154, "1154", to_1154, NULL, NULL, NULL},
    {875, "875", to_875, NULL, NULL, NULL},
    {290, "290", to_290, NULL, NULL, NULL},
    {420, "420", to_420, NULL, NULL, NULL},
    {424, "424", to_424, NULL, NULL, NULL},
    {1130, "1130", to_1130, NULL, NULL, NULL},
    {1132, "1132", to_1132, NULL, NULL, NULL},
    {1160, "1160", to_1160, NULL, NULL, NULL},
    {930, "930", NULL, NULL, "IBM930", "\\\xB2~\xA0"},
    {933, "933", NULL, NULL, "IBM933", ""},
    {935, "935", NULL, NULL, "IBM935", ""},
    {937, "937", NULL, NULL, "IBM937", ""},
    {939, "939", NULL, NULL, "IBM939", "\\\xE0~\xA1"},
};

/* Names of the IANA registry that hold no number. EBCDIC-US, -UK, -FR and the like are left out:
 * those are older sets of half the size, without the brackets mail needs. */
static const struct {
    const char *name;
    unsigned number;
} aliases[] = {
    {"EBCDIC-CP-US", 37},     {"EBCDIC-CP-CA", 37},    {"EBCDIC-CP-NL", 37},
    {"EBCDIC-CP-WT", 37},     {"EBCDIC-CP-BE", 500},   {"EBCDIC-CP-CH", 500},
    {"EBCDIC-CP-DK", 277},    {"EBCDIC-CP-NO", 277},   {"EBCDIC-CP-FI", 278},
    {"EBCDIC-CP-SE", 278},    {"EBCDIC-CP-IT", 280},   {"EBCDIC-CP-ES", 284},
    {"EBCDIC-CP-GB", 285},    {"EBCDIC-CP-FR", 297},   {"EBCDIC-CP-IS", 871},
    {"EBCDIC-CP-ROECE", 870}, {"EBCDIC-CP-YU", 870},   {"EBCDIC-CP-AR1", 420},
    {"EBCDIC-CP-HE", 424},    {"EBCDIC-JP-KANA", 290}, {"EBCDIC-LATIN9--EURO", 924},
};

bool ebc_is_control(uint8_t e)
{
    return e < EBC_BLANK || e == 0xFF;
}

uint8_t ebc_as_shown(uint8_t e)
{
    return ebc_is_control(e) && e != EBC_TAB ? EBC_BLANK : e;
}

#define PAGES (sizeof pages / sizeof pages[0])
#define NOT_ASCII 0x80u

static uint8_t ascii[2][PAGES][256]; /* as they are, and in a line */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_ascii(void)
{
    for (size_t i = 0; i < PAGES; i++)
        for (size_t e = 0; pages[i].to != NULL && e < 256; e++) {
            uint16_t rune = pages[i].to[e], shown = pages[i].to[ebc_as_shown((uint8_t)e)];
            ascii[0][i][e] = (uint8_t)(rune < 0x80 ? rune : NOT_ASCII);
            ascii[1][i][e] = (uint8_t)(shown < 0x80 ? shown : NOT_ASCII);
        }
}

const uint8_t *pages_ascii(const struct ebc_page *page, bool line)
{
    (void)pthread_once(&once, make_ascii);
    return ascii[line ? 1 : 0][page - pages];
}

const struct ebc_page *ebc_page_default(void)
{
    return &pages[0];
}

const char *ebc_page_name(const struct ebc_page *page)
{
    return page->name;
}

bool ebc_page_double(const struct ebc_page *page)
{
    return page->charset != NULL;
}

/* Is this conversion part of the C library here? Some systems install it apart or not at all. */
static bool is_there(const struct ebc_page *page)
{
    if (page->charset == NULL)
        return true;
    struct text_iconv *to = text_iconv_open("UTF-8", page->charset);
    struct text_iconv *from = text_iconv_open(page->charset, "UTF-8");
    bool both = to != NULL && from != NULL;
    text_iconv_close(&to);
    text_iconv_close(&from);
    return both;
}

static bool number_of(struct str name, uint64_t *number)
{
    static const char *const prefixes[] = {"EBCDIC", "CCSID", "CSIBM", "X-IBM", "IBM", "CP"};
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (str_is(name, aliases[i].name)) {
            *number = aliases[i].number;
            return true;
        }
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (str_starts_nocase(name, prefixes[i])) {
            name = str_sub(name, strlen(prefixes[i]), name.n);
            if (name.n > 0 && (name.p[0] == '-' || name.p[0] == '_'))
                name = str_sub(name, 1, name.n);
            break;
        }
    return str_number(name, 99999, number);
}

const struct ebc_page *ebc_page(struct str name)
{
    uint64_t number = 0;
    if (!number_of(name, &number))
        return NULL;
    for (size_t i = 0; i < PAGES; i++)
        if (pages[i].number == number)
            return is_there(&pages[i]) ? &pages[i] : NULL;
    return NULL;
}
