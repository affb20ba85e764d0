/*
 * Limits of xv6, for programs that are written around them.  Only
 * MAXARG and MAXPATH bind here as well; where Weft has another limit at
 * all it is a larger one.
 */
#ifndef KERNEL_PARAM_H
#define KERNEL_PARAM_H

#define MAXARG 32               /* argument slots of exec */
#define MAXPATH 512             /* bytes in a path, the 0 included */
#define USERSTACK 1             /* pages of a stack */
#define NPROC 64                /* processes */
#define NCPU 8
#define NOFILE 16               /* open files of a process */
#define NFILE 100               /* open files of all */
#define NINODE 50               /* files in use at a time */
#define NDEV 10                 /* largest major number */
#define ROOTDEV 1
#define MAXOPBLOCKS 10          /* blocks that one call may write */
#define LOGSIZE (MAXOPBLOCKS * 3)
#define NBUF (MAXOPBLOCKS * 3)
#define FSSIZE 2000             /* blocks on the disk */

#endif
