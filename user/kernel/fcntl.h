/* xv6's name for a header that the kernel and its programs share. */
#ifndef KERNEL_FCNTL_H
#define KERNEL_FCNTL_H

#include <fcntl.h>

#endif
