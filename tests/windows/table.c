/* The rows of the port tables, and what WinNAT does to them. The same rules as table.py and services.py of
   reconciler/host/simulated; only where WinNAT puts its blocks is another draw. */

#include <stdlib.h>

#include "standin.h"

enum { BLOCK_SIZE = 100, BLOCKS_PER_TABLE = 6, TRIES = 40 };

/* Families that share one table keep it under their IPv4 lane. */
int table_of(const struct state *state, int lane)
{
    return state->variant[SPLIT] ? lane : lane & ~1;
}

int last_table(const struct state *state, int protocol)
{
    return protocol * 2 + state->variant[SPLIT];
}

struct row *row_find(struct state *state, int table, int first, int last)
{
    struct row *row = row_touching(state, table, first, last);
    return row && row->first == first && row->last == last ? row : NULL;
}

/* The lowest row that shares a port with the range. */
struct row *row_touching(struct state *state, int table, int first, int last)
{
    struct row *found = NULL;
    for (struct row *row = state->rows; row < state->rows + state->row_count; row++)
        if (row->table == table && row->first <= last && first <= row->last && (!found || row->first < found->first))
            found = row;
    return found;
}

void row_insert(struct state *state, struct row row)
{
    state->rows = realloc(state->rows, (state->row_count + 1) * sizeof row);
    if (!state->rows)
        abort();
    state->rows[state->row_count++] = row;
    state->changed = 1;
}

void row_remove(struct state *state, struct row *row)
{
    *row = state->rows[--state->row_count];
    state->changed = 1;
}

/* Is something in the way of this row: what is active, or, if it is saved, a hidden exclusion but for the same one? */
int is_in_the_way(struct state *state, struct row wanted)
{
    struct row *hidden;
    if (row_touching(state, wanted.table, wanted.first, wanted.last))
        return 1;
    hidden = wanted.store == PERSISTENT ? row_touching(state, wanted.table + LANES, wanted.first, wanted.last) : NULL;
    return hidden && (wanted.origin != USER || hidden->first != wanted.first || hidden->last != wanted.last);
}

int row_excluded(const struct row *row)
{
    return row->origin == USER || row->origin == HNS;
}

int row_starred(const struct state *state, const struct row *row)
{
    return row_excluded(row) || (row->origin == RESERVATION && state->variant[STARRED]);
}

static int by_table_and_port(const void *one, const void *two)
{
    const struct row *left = one, *right = two;
    return left->table != right->table ? left->table - right->table : left->first - right->first;
}

void rows_sort(struct row *rows, int count)
{
    qsort(rows, count, sizeof *rows, by_table_and_port);
}

/* Does a socket in one of the lanes of the table hold one of the ports? */
int in_use(const struct state *state, int table, int first, int last)
{
    for (int i = 0; i < state->sock_count; i++) {
        const struct sock *sock = &state->socks[i];
        if (table_of(state, sock->lane) == table && first <= sock->port && sock->port <= last)
            return 1;
    }
    return 0;
}

/* A small generator of its own, so that the same state always draws the same blocks. */
static unsigned chance(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void draw_block(struct state *state, int table, unsigned *seed)
{
    int low = state->dynamic[table / 2].first, room = state->dynamic[table / 2].last - low + 1;
    for (int try = 0; try < TRIES && room >= BLOCK_SIZE; try++) {
        int first = low + (int)(chance(seed) % (unsigned)(room - BLOCK_SIZE + 1)), last = first + BLOCK_SIZE - 1;
        if (!row_touching(state, table, first, last) && !in_use(state, table, first, last)) {
            row_insert(state, (struct row){table, first, last, WINNAT, ACTIVE, BOTH});
            return;
        }
    }
}

/* Starting draws blocks inside the dynamic range, off every row and socket. Nothing if it runs already. */
void winnat_start(struct state *state)
{
    unsigned seed = state->seed ^ (unsigned)state->boot << 16 ^ (unsigned)state->draws << 24 ^ 0x5eed;
    if (state->winnat_running || state->winnat_absent)
        return;
    state->winnat_running = state->changed = 1;
    state->draws++;
    for (int lane = TCP4; lane < LANES; lane++)
        if (table_of(state, lane) == lane)
            for (int block = 0; block < BLOCKS_PER_TABLE; block++)
                draw_block(state, lane, &seed);
}

void winnat_stop(struct state *state)
{
    if (!state->winnat_running)
        return;
    state->winnat_running = 0;
    state->changed = 1;
    for (int i = state->row_count - 1; i >= 0; i--)
        if (state->rows[i].origin == WINNAT)
            row_remove(state, &state->rows[i]);
}
