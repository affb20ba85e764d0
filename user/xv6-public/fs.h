/* Directory entries, and sizes that xv6-public's tests are about. */
#ifndef PUBLIC_FS_H
#define PUBLIC_FS_H

#include <dirent.h>

#define ROOTINO 1
#define BSIZE 512               /* bytes in a block of xv6-public's */
#define NDIRECT 12              /* blocks that an inode names itself */
#define NINDIRECT (BSIZE / sizeof(unsigned int))
#define MAXFILE (NDIRECT + NINDIRECT)   /* blocks in its largest file */

#endif
