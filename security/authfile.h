/* security/authfile.h -- who may submit mail: a file of "user:crypt" lines as crypt(3) makes them
 * (openssl passwd -6, mkpasswd, htpasswd); '#' begins a comment. The only includer of crypt.h. */
#ifndef SECURITY_AUTHFILE_H
#define SECURITY_AUTHFILE_H

#include "base/bytes.h"

#define AUTH_USER_MAX 128u
#define AUTH_PASSWORD_MAX 512u
#define AUTH_HASH_MAX 256u

struct authfile;
/* Reads the file. NULL with *w naming it, and the line when one is malformed; a file that others
 * may write to is refused. */
struct authfile *authfile_read(const char *path, struct why *w);
void authfile_free(struct authfile **f);
/* The hash of a user, into hash; false when he is unknown: then a hash that costs as much and that
 * no password has, so that time does not tell who exists. */
bool authfile_hash(const struct authfile *f, struct str user, char hash[AUTH_HASH_MAX]);
/* Is this his password? Takes the milliseconds that the hash is worth: not for the loop's thread.
 */
bool authfile_check(const char *hash, const char *password);

#endif
