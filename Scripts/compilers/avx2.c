// Stands before LLVM's questions about the processor, so that PoCL compiles as on one with AVX2. Loaded by Scripts/as-avx2.
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

// LLVM 15: StringRef, and StringMap<bool>, whose entries are a length, a value, and from itemSize on a name.
struct text { const char* start; size_t count; };
struct map { char** table; unsigned buckets, items, tombstones, itemSize; };

struct text _ZN4llvm3sys14getHostCPUNameEv(void) {
  struct text name = {"znver3", 6};
  return name;
}

_Bool _ZN4llvm3sys18getHostCPUFeaturesERNS_9StringMapIbNS_15MallocAllocatorEEE(struct map* features) {
  const char* own = "_ZN4llvm3sys18getHostCPUFeaturesERNS_9StringMapIbNS_15MallocAllocatorEEE";
  _Bool (*ask)(struct map*) = dlsym(dlopen("libLLVM-15.so.1", RTLD_LAZY), own);
  const _Bool known = ask(features);
  const char* later[] = {"avx512", "avxvnni", "amx", "gfni"};
  for (unsigned bucket = 0; bucket < features->buckets; bucket++) {
    char* entry = features->table[bucket];
    // Neither empty nor a tombstone.
    if (!entry || (size_t)entry >= (size_t)-4096) continue;
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
      if (!strncmp(entry + features->itemSize, later[i], strlen(later[i]))) entry[sizeof(size_t)] = 0;
    }
  }
  return known;
}
