/* What a program may ask of Windows, with the answers of calls.py of reconciler/host/simulated. Win32 codes are those
   of Microsoft's reference pages where they say them (reservations: 5, 32, 87, 1168), of reports elsewhere. */

#include "standin.h"

enum { FIRST_PORT = 1, LAST_PORT = 65535, SMALLEST_DYNAMIC_START = 1025, SMALLEST_DYNAMIC_COUNT = 255 };

/* A dishonest Windows says that it did what it refused. */
static int said(const struct state *state, int code)
{
    return state->variant[DISHONEST] ? DONE : code;
}

static int is_range(int first, int last)
{
    return FIRST_PORT <= first && first <= last && last <= LAST_PORT;
}

static int family_of(int lane)
{
    return lane % 2 ? IPV6 : IPV4;
}

/* Put an exclusion where there is room for it, joined with its neighbours where Windows does that. */
static void add_exclusion(struct state *state, struct row row)
{
    struct row *hidden = row_find(state, row.table + LANES, row.first, row.last);
    if (hidden && row.store == PERSISTENT)
        row_remove(state, hidden);
    int sides[2][2] = {{row.first - 1, row.first - 1}, {row.last + 1, row.last + 1}};
    for (int side = 0; side < 2 && state->variant[MERGED]; side++) {
        struct row *other = row_touching(state, row.table, sides[side][0], sides[side][1]);
        if (!other || other->origin != USER || other->store != row.store)
            continue;
        row.first = other->first < row.first ? other->first : row.first;
        row.last = other->last > row.last ? other->last : row.last;
        row.doors = other->doors == row.doors ? row.doors : BOTH;
        row_remove(state, other);
    }
    row_insert(state, row);
}

static int do_exclude(struct state *state, int lane, int first, int last, int store)
{
    int table = table_of(state, lane), door = family_of(lane);
    struct row *present, wanted = {table, first, last, USER, store, door};
    if (!state->elevated)
        return ELEVATION;
    if (!is_range(first, last))
        return INVALID;
    present = row_find(state, table, first, last);
    if (present && state->variant[SECOND_ADD] && present->origin == USER && present->store == store &&
        present->doors != BOTH && present->doors != door) {
        if (state->variant[SECOND_ADD] == SECOND_ADD_EXISTS)
            return EXISTS;
        present->doors = BOTH;
        state->changed = 1;
        return DONE;
    }
    if (is_in_the_way(state, wanted) || in_use(state, table, first, last))
        return IN_USE;
    add_exclusion(state, wanted);
    return DONE;
}

static int do_unexclude(struct state *state, int lane, int first, int last, int store)
{
    int table = table_of(state, lane);
    struct row *row, *hidden;
    if (!state->elevated)
        return ELEVATION;
    if (!is_range(first, last))
        return INVALID;
    hidden = row_find(state, table + LANES, first, last);
    if (hidden && store == PERSISTENT) {
        row_remove(state, hidden);
        row = row_find(state, table, first, last);
        if (row && row_excluded(row))
            row_remove(state, row);
        return DONE;
    }
    row = row_find(state, table, first, last);
    if (!row)
        return NOT_FOUND;
    if (!row_excluded(row))
        return DENIED;
    if (row->store == store) {
        row_remove(state, row);
        return DONE;
    }
    if (store == PERSISTENT || state->variant[DELETE_REFUSED])
        return NOT_FOUND;
    row->table += LANES;
    state->changed = 1;
    return DONE;
}

static int do_reserve(struct state *state, int protocol, int first, int last)
{
    if (!state->elevated)
        return DENIED;
    if (!is_range(first, last))
        return INVALID;
    for (int table = protocol * 2; table <= last_table(state, protocol); table++)
        if (is_in_the_way(state, (struct row){table, first, last, RESERVATION, PERSISTENT, BOTH}) ||
            in_use(state, table, first, last))
            return IN_USE;
    for (int table = protocol * 2; table <= last_table(state, protocol); table++)
        row_insert(state, (struct row){table, first, last, RESERVATION, PERSISTENT, BOTH});
    return DONE;
}

static int do_unreserve(struct state *state, int protocol, int first, int last)
{
    struct row *row;
    if (!state->elevated)
        return DENIED;
    if (!is_range(first, last))
        return INVALID;
    row = row_find(state, protocol * 2, first, last);
    if (!row || row->origin != RESERVATION)
        return NOT_FOUND;
    for (int table = protocol * 2; table <= last_table(state, protocol); table++)
        if ((row = row_find(state, table, first, last)) != NULL)
            row_remove(state, row);
    return DONE;
}

int exclude(struct state *state, int lane, int first, int last, int store)
{
    return said(state, do_exclude(state, lane, first, last, store));
}

int unexclude(struct state *state, int lane, int first, int last, int store)
{
    int code = do_unexclude(state, lane, first, last, store);
    if (code == DONE)
        return state->variant[DENIED_THOUGH_DONE] ? DENIED : DONE;
    return said(state, code);
}

int reserve(struct state *state, int protocol, int first, int last)
{
    return said(state, do_reserve(state, protocol, first, last));
}

int unreserve(struct state *state, int protocol, int first, int last)
{
    return said(state, do_unreserve(state, protocol, first, last));
}

/* Lookup needs no administrator and is not written to be dishonest: it changes nothing. */
int lookup(struct state *state, int protocol, int first, int last)
{
    if (!is_range(first, last))
        return INVALID;
    for (int table = protocol * 2; table <= last_table(state, protocol); table++) {
        const struct row *row = row_find(state, table, first, last);
        if (row && (row->origin == RESERVATION || (row_excluded(row) && state->variant[LOOKUP_ANSWERS])))
            return DONE;
    }
    return NOT_FOUND;
}

int set_dynamic(struct state *state, int protocol, int first, int count)
{
    if (!state->elevated)
        return said(state, ELEVATION);
    if (first < SMALLEST_DYNAMIC_START || count < SMALLEST_DYNAMIC_COUNT || !is_range(first, first + count - 1))
        return said(state, INVALID);
    state->dynamic[protocol].first = first;
    state->dynamic[protocol].last = first + count - 1;
    state->changed = 1;
    return DONE;
}

/* Another one after every boot, and never 0. */
unsigned long long token_of(const struct state *state, int protocol, int first, int last)
{
    unsigned long long count = (unsigned)(last - first + 1);
    return (unsigned long long)state->boot << 40 | (unsigned long long)(protocol + 1) << 32 | count << 16 |
           (unsigned)first;
}
