/* Numbers of devices, as mknod() takes and fstat() gives them. */
#ifndef KERNEL_FILE_H
#define KERNEL_FILE_H

#define CONSOLE 1               /* major number */

#define major(device) ((device) >> 16 & 0xffff)
#define minor(device) ((device) & 0xffff)
#define mkdev(major, minor) ((unsigned int)((major) << 16 | (minor)))

#endif
