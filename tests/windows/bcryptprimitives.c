/* The one function of bcryptprimitives.dll that Rust programs, pydantic's core among them, ask for. Wine 8 lacks the
   DLL. Nothing of this project is proved by it. */

#include <windows.h>

#include <ntsecapi.h>

BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length)
{
    return RtlGenRandom(data, (ULONG)length);
}
