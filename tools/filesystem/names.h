/*
 * Before every file of the kernel that is compiled for this computer, and
 * before host.h: names that the C library has, too.
 */
#define printf weft_printf
#define vprintf weft_vprintf
#define stat weft_stat

/*
 * Everything that the kernel's files keep between two calls is in two
 * sections, so that host_start() can set it back.  gcc cannot: there a
 * program starts once.
 */
#ifdef __clang__
#pragma clang section bss = "weft_bss" data = "weft_data"
#endif
