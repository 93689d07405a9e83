/*
 * err -- what went wrong, and what may be done next.
 *
 * The class is policy and decides what the caller may do; the text is for people and grows
 * outwards: each caller may put its own words in front ("login from 10.1.2.3: checksum 4f").
 * Functions that can fail take a struct err * last and return 0, or -1 with it filled.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err_class {
	ERR_NONE,
	ERR_INPUT,     /* what came in is wrong; the same input is wrong again */
	ERR_RETRY,     /* surely nothing happened; later it may work */
	ERR_UNCERTAIN, /* it may have happened: ask before doing it again */
	ERR_REFUSED,   /* the other side understood and said no */
	ERR_BUG,       /* ours */
};

struct err {
	enum err_class class;
	char text[240];
};

/* Both return -1, so that a failing function may end with `return err_set(...)`. */
int err_set(struct err *e, enum err_class class, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#ifdef __clang_analyzer__ /* it looks into one file at a time */
#define err_set(...)  ((err_set)(__VA_ARGS__), -1)
#define err_wrap(...) ((err_wrap)(__VA_ARGS__), -1)
#endif
const char *err_class_name(enum err_class class);

#endif
