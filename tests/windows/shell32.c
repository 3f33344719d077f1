/* Stand-in for IsUserAnAdmin of shell32.dll; every other export is forwarded to a copy of Wine's own, shell32wine.dll.

   Under Wine everybody is an administrator, always. Here the state says, as the simulated host does. Proves that the
   answer is asked for and heeded; proves nothing about UAC, tokens or groups. */

#include <windows.h>

#include "standin.h"

BOOL WINAPI standin_IsUserAnAdmin(void)
{
    struct state state;
    BOOL elevated = TRUE;
    if (!state_open(&state)) {
        elevated = state.elevated;
        state_close(&state);
    }
    return elevated;
}
