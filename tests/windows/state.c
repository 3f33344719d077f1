/* The text file that the stand-ins and the tests share. One process at a time has it, by a named mutex; it is
   replaced whole, so that a stand-in killed on the way leaves the old one or the new one.

   ASCII, one fact a line, words parted by one blank (standin.py has the list). A line that begins with a word unknown
   here is kept as it is. */

#include <windows.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "standin.h"

enum { LOCK_MILLISECONDS = 30000 };

static const char *const ORIGIN_NAMES[] = {"user", "hns", "http.sys", "winnat", "block", "reservation"};
static const char *const STORE_NAMES[] = {"persistent", "active"};
static const char *const DOOR_NAMES[] = {"none", "ipv4", "ipv6", "both"};
static const char *const LANE_NAMES[] = {"tcp/ipv4", "tcp/ipv6", "udp/ipv4", "udp/ipv6",
                                         "saved:tcp/ipv4", "saved:tcp/ipv6", "saved:udp/ipv4", "saved:udp/ipv6"};
static const char *const PROTOCOL_NAMES[] = {"tcp", "udp"};
static const char *const FAULT_NAMES[] = {"none", "hang", "hang-done", "garbage", "truncated", "empty", "denied-done",
                                          "ok-refused", "busy", "error-text", "flicker"};
static const char *const VARIANT_NAMES[][4] = {
    {"families", "shared", "split"},
    {"second-add", "error32", "ok", "exists"},
    {"neighbours", "kept", "merged"},
    {"reservations", "unstarred", "starred"},
    {"lookup", "reservations-only", "answers-exclusions"},
    {"store-listing", "true", "empty"},
    {"exit-codes", "honest", "dishonest"},
    {"access-denied", "honest", "although-done"},
    {"active-delete", "until-boot", "refused"},
};

static int place_of(const char *word, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (names[i] && !strcmp(word, names[i]))
            return i;
    fprintf(stderr, "stand-in: the state has an unknown word: %s\n", word);
    exit(99);
}

/* `value` is 0, 1 or 2. */
static void read_variant(struct state *state, const char *key, const char *value)
{
    for (int i = 0; i < VARIANTS; i++)
        if (!strcmp(key, VARIANT_NAMES[i][0]))
            state->variant[i] = place_of(value, &VARIANT_NAMES[i][1], 3);
}

static void keep_line(struct state *state, const char *line)
{
    size_t length = state->kept ? strlen(state->kept) : 0;
    state->kept = realloc(state->kept, length + strlen(line) + 2);
    sprintf(state->kept + length, "%s\n", line);
}

static void read_row(struct state *state, const char *line)
{
    char lane[32], origin[16], store[16], doors[16];
    struct row row;
    if (sscanf(line, "row %31s %d %d %15s %15s %15s", lane, &row.first, &row.last, origin, store, doors) != 6)
        exit(99);
    row.table = place_of(lane, LANE_NAMES, TABLES);
    row.origin = place_of(origin, ORIGIN_NAMES, ORIGINS);
    row.store = place_of(store, STORE_NAMES, STORES);
    row.doors = place_of(doors, DOOR_NAMES, 4);
    row_insert(state, row);
}

static void read_line(struct state *state, const char *line)
{
    char one[64], two[64];
    int from, to;
    struct sock sock = {0};
    struct wish wish = {0};
    if (!strncmp(line, "row ", 4)) {
        read_row(state, line);
    } else if (sscanf(line, "variant %63s %63s", one, two) == 2) {
        read_variant(state, one, two);
    } else if (sscanf(line, "dynamic %63s %d %d", one, &from, &to) == 3) {
        int protocol = place_of(one, PROTOCOL_NAMES, PROTOCOLS);
        state->dynamic[protocol].first = from;
        state->dynamic[protocol].last = to;
    } else if (sscanf(line, "socket %63s %d %lu %255[^\n]", one, &sock.port, &sock.pid, sock.process) == 4) {
        sock.lane = place_of(one, LANE_NAMES, LANES);
        state->socks = realloc(state->socks, (state->sock_count + 1) * sizeof sock);
        state->socks[state->sock_count++] = sock;
    } else if (sscanf(line, "fault %63s %15s %d", one, wish.where, &wish.times) == 3) {
        wish.fault = place_of(one, FAULT_NAMES, FAULTS);
        state->wishes = realloc(state->wishes, (state->wish_count + 1) * sizeof wish);
        state->wishes[state->wish_count++] = wish;
    } else if (sscanf(line, "winnat %63s", one) == 1) {
        state->winnat_running = !strcmp(one, "running");
        state->winnat_absent = !strcmp(one, "absent");
    } else if (sscanf(line, "language %7s", state->language) != 1 && sscanf(line, "elevated %d", &state->elevated) != 1 &&
               sscanf(line, "boot %d", &state->boot) != 1 && sscanf(line, "draws %d", &state->draws) != 1 &&
               sscanf(line, "chance %u", &state->seed) != 1) {
        keep_line(state, line);
    }
}

static void write_lines(struct state *state, FILE *file)
{
    fprintf(file, "%s", state->kept ? state->kept : "");
    fprintf(file, "language %s\nelevated %d\nboot %d\ndraws %d\nchance %u\nwinnat %s\n", state->language,
            state->elevated, state->boot, state->draws, state->seed,
            state->winnat_absent ? "absent" : state->winnat_running ? "running" : "stopped");
    for (int i = 0; i < VARIANTS; i++)
        fprintf(file, "variant %s %s\n", VARIANT_NAMES[i][0], VARIANT_NAMES[i][1 + state->variant[i]]);
    for (int i = 0; i < PROTOCOLS; i++)
        fprintf(file, "dynamic %s %d %d\n", PROTOCOL_NAMES[i], state->dynamic[i].first, state->dynamic[i].last);
    rows_sort(state->rows, state->row_count);
    for (struct row *row = state->rows; row < state->rows + state->row_count; row++)
        fprintf(file, "row %s %d %d %s %s %s\n", LANE_NAMES[row->table], row->first, row->last,
                ORIGIN_NAMES[row->origin], STORE_NAMES[row->store], DOOR_NAMES[row->doors]);
    for (struct sock *sock = state->socks; sock < state->socks + state->sock_count; sock++)
        fprintf(file, "socket %s %d %lu %s\n", LANE_NAMES[sock->lane], sock->port, sock->pid, sock->process);
    for (struct wish *wish = state->wishes; wish < state->wishes + state->wish_count; wish++)
        if (wish->times)
            fprintf(file, "fault %s %s %d\n", FAULT_NAMES[wish->fault], wish->where, wish->times);
}

static int path_with(const char *suffix, char *path, DWORD room)
{
    DWORD length = GetEnvironmentVariableA("PORT_STANDIN_STATE", path, room);
    if (!length || length + strlen(suffix) >= room)
        return 0;
    strcat(path, suffix);
    return 1;
}

int state_open(struct state *state)
{
    char path[MAX_PATH * 2], line[512];
    FILE *file;
    memset(state, 0, sizeof *state);
    if (!path_with("", path, sizeof path))
        return ERROR_ENVVAR_NOT_FOUND;
    state->mutex = CreateMutexA(NULL, FALSE, "Global\\port-standin");
    if (!state->mutex || WaitForSingleObject(state->mutex, LOCK_MILLISECONDS) == WAIT_TIMEOUT)
        return ERROR_TIMEOUT;
    file = fopen(path, "rb");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n")] = 0;
        read_line(state, line);
    }
    state->changed = 0;
    if (file)
        fclose(file);
    else
        state_close(state);
    return file ? 0 : ERROR_FILE_NOT_FOUND;
}

void state_close(struct state *state)
{
    char path[MAX_PATH * 2], beside[MAX_PATH * 2];
    if (state->changed && path_with("", path, sizeof path) && path_with(".new", beside, sizeof beside)) {
        FILE *file = fopen(beside, "wb");
        if (!file)
            exit(99);
        write_lines(state, file);
        if (fclose(file) || !MoveFileExA(beside, path, MOVEFILE_REPLACE_EXISTING))
            exit(99);
    }
    free(state->rows);
    free(state->socks);
    free(state->wishes);
    free(state->kept);
    ReleaseMutex(state->mutex);
    CloseHandle(state->mutex);
}

void state_log(const char *format, ...)
{
    char path[MAX_PATH * 2];
    va_list words;
    FILE *file = path_with(".log", path, sizeof path) ? fopen(path, "ab") : NULL;
    if (!file)
        return;
    va_start(words, format);
    vfprintf(file, format, words);
    va_end(words);
    fputc('\n', file);
    fclose(file);
}

/* The first fault asked for at this place; one that is asked for a number of times is used up once. */
int take_fault(struct state *state, const char *where)
{
    for (int i = 0; i < state->wish_count; i++) {
        struct wish *wish = &state->wishes[i];
        if (wish->times && (!strcmp(wish->where, where) || !strcmp(wish->where, "any"))) {
            if (wish->times > 0) {
                wish->times--;
                state->changed = 1;
            }
            return wish->fault;
        }
    }
    return NO_FAULT;
}
