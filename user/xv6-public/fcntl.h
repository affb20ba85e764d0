/* The header of this name that the kernel and its programs share. */
#ifndef PUBLIC_FCNTL_H
#define PUBLIC_FCNTL_H

#include_next <fcntl.h>

#endif
