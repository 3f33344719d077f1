/* What the stand-ins for parts of Windows have in common: one simulated Windows in one text file.

   netsh.exe, iphlpapi.dll, ws2_32.dll, shell32.dll and the service winnat.exe stand in for Microsoft's. They let the
   Windows host of this project run in the real Windows CPython under Wine: real calling conventions, real command
   lines, real code pages, real exit codes. They keep the rules of reconciler/host/simulated, which test_standins.py
   holds them to. They prove nothing about tcpip.sys: whatever Windows does differently, they do not know.

   The file is named by PORT_STANDIN_STATE; standin.py writes and reads it too and documents its lines. */

#ifndef STANDIN_H
#define STANDIN_H

#include <stddef.h>

enum lane { TCP4, TCP6, UDP4, UDP6, LANES };    /* lane / 2 is the protocol */
enum { TABLES = 2 * LANES };                    /* table + LANES has what is saved and not active until the next boot */
enum protocol { TCP, UDP, PROTOCOLS };
enum origin { USER, HNS, HTTP_SYS, WINNAT, BLOCK, RESERVATION, ORIGINS };
enum store { PERSISTENT, ACTIVE, STORES };
enum doors { IPV4 = 1, IPV6 = 2, BOTH = 3 };    /* the families an exclusion was added through */

/* The switches of reconciler/host/simulated/variants.py; 0 is the default value of each. */
enum variant {
    SPLIT, SECOND_ADD, MERGED, STARRED, LOOKUP_ANSWERS, STORE_EMPTY, DISHONEST, DENIED_THOUGH_DONE, DELETE_REFUSED,
    VARIANTS
};

/* What a test may ask for on top of a variant. A hang lasts ten minutes. */
enum fault {
    NO_FAULT,
    HANG,           /* nothing done, no answer */
    HANG_DONE,      /* done, no answer */
    GARBAGE,        /* nothing done; bytes that mean nothing, success */
    TRUNCATED,      /* a listing that stops on the way, success */
    EMPTY,          /* nothing done, nothing said, success: what Wine's own netsh does */
    DENIED_DONE,    /* done, and "Access is denied" */
    OK_REFUSED,     /* nothing done, and success */
    BUSY,           /* nothing done, and error 32 */
    ERROR_TEXT,     /* nothing done, the text of error 32, and success */
    FLICKER,        /* a listing with one row too many, another one each time */
    FAULTS
};

/* Win32 codes that the rules give. 0 is success. */
enum { DONE = 0, DENIED = 5, IN_USE = 32, INVALID = 87, ELEVATION = 740, NOT_FOUND = 1168, EXISTS = 5010 };

enum { SECOND_ADD_OK = 1, SECOND_ADD_EXISTS = 2 };  /* values of SECOND_ADD */

struct row { int table, first, last, origin, store, doors; };
struct sock { int lane, port; unsigned long pid; char process[256]; };
struct wish { int fault, times; char where[16]; };  /* times < 0: always */

struct state {
    int variant[VARIANTS], elevated, boot, draws, winnat_running, winnat_absent, changed;
    unsigned seed;
    char language[8], *kept;                        /* kept: lines that only Python reads */
    struct { int first, last; } dynamic[PROTOCOLS];
    struct row *rows;
    struct sock *socks;
    struct wish *wishes;
    int row_count, sock_count, wish_count;
    void *mutex;
};

/* state.c: the file. Between open and close no other stand-in and no test can touch it. */
int state_open(struct state *state);                /* 0, or a Win32 code; then nothing is open */
void state_close(struct state *state);              /* written only if changed */
void state_log(const char *format, ...);            /* one line to PORT_STANDIN_STATE.log, for tests to count */
int take_fault(struct state *state, const char *where);

/* table.c: rows and where they may lie. */
int table_of(const struct state *state, int lane);
int last_table(const struct state *state, int protocol);
struct row *row_find(struct state *state, int table, int first, int last);
struct row *row_touching(struct state *state, int table, int first, int last);
void row_insert(struct state *state, struct row row);
void row_remove(struct state *state, struct row *row);
int is_in_the_way(struct state *state, struct row wanted);
int row_excluded(const struct row *row);
int row_starred(const struct state *state, const struct row *row);
void rows_sort(struct row *rows, int count);
int in_use(const struct state *state, int table, int first, int last);
void winnat_start(struct state *state);
void winnat_stop(struct state *state);

/* calls.c: what a program may ask for. Each gives the Win32 code that Windows would say. */
int exclude(struct state *state, int lane, int first, int last, int store);
int unexclude(struct state *state, int lane, int first, int last, int store);
int reserve(struct state *state, int protocol, int first, int last);
int unreserve(struct state *state, int protocol, int first, int last);
int lookup(struct state *state, int protocol, int first, int last);
int set_dynamic(struct state *state, int protocol, int first, int count);
unsigned long long token_of(const struct state *state, int protocol, int first, int last);

/* speech.c: netsh's words in ten languages, UTF-8 here and the OEM code page on the way out. */
struct language {
    const char *name;
    unsigned code_page;
    const char *title, *header, *rule, *legend;
    const char *dynamic_title, *dynamic_start, *dynamic_count;
    const char *ok, *in_use, *denied, *elevation, *not_found, *invalid, *exists;
};
const struct language *language_named(const char *name);
const char *message_of(const struct language *language, int code);
size_t encode(const char *utf8, unsigned code_page, char *bytes, size_t room);

#endif
