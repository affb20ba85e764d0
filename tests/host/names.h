/*
 * The kernel's functions have the names of the C library's, which the
 * tests want to use as well and to compare with.  Every kernel file is
 * compiled with this one in front.
 */
#define memset weft_memset
#define memcpy weft_memcpy
#define memmove weft_memmove
#define memcmp weft_memcmp
#define strlen weft_strlen
#define strcmp weft_strcmp
#define strncmp weft_strncmp
#define printf weft_printf
#define vprintf weft_vprintf
