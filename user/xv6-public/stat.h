/* The header of this name that the kernel and its programs share. */
#ifndef PUBLIC_STAT_H
#define PUBLIC_STAT_H

#include_next <stat.h>

#endif
