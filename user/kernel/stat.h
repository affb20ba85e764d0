/* xv6's name for a header that the kernel and its programs share. */
#ifndef KERNEL_STAT_H
#define KERNEL_STAT_H

#include <stat.h>

#endif
