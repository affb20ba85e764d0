/*
 * What xv6's programs ask of its file system: the shape of a directory
 * entry, and sizes that their tests are written around.
 */
#ifndef KERNEL_FS_H
#define KERNEL_FS_H

#include <dirent.h>

#define ROOTINO 1
#define LONGEST_NAME 255        /* bytes; xv6 cuts at DIRSIZ */
#define BSIZE 1024              /* bytes in a block of xv6's */
#define NDIRECT 12              /* blocks that an inode names itself */
#define NINDIRECT (BSIZE / sizeof(unsigned int))
#define MAXFILE (NDIRECT + NINDIRECT)   /* blocks in a file of it */

#endif
