// NVIDIA's own compiler of OpenCL C, without a GPU: nvidia LIBRARY OPTIONS FILE.cl... writes FILE.ptx for each.
// The options of a file's kernels are in FILE.options. LIBRARY is libnvidia-nvvm.so.4 of the driver, which
// exports the function that the driver itself calls.
#include "files.h"
#include <dlfcn.h>

typedef int (*Compile)(const char **sources, unsigned count, const size_t *lengths, const char *options,
                       char **log, char **ptx);

int main(int count, char **arguments) {
  if (count < 4) return 2;
  void *library = dlopen(arguments[1], RTLD_NOW);
  if (!library) { fprintf(stderr, "%s\n", dlerror()); return 2; }
  Compile compile = (Compile)dlsym(library, "NvCliCompileProgram");
  if (!compile) { fprintf(stderr, "%s\n", dlerror()); return 2; }
  int failed = 0;
  for (int i = 3; i < count; i++) {
    char *source = text_of(arguments[i], ".cl"), *own = text_of(arguments[i], ".options");
    char options[8192];
    snprintf(options, sizeof options, "%s %s", arguments[2], own);
    const char *sources = source;
    const size_t length = strlen(source);
    char *log = NULL, *ptx = NULL;
    const int code = compile(&sources, 1, &length, options, &log, &ptx);
    if (code || !ptx) {
      failed = 1;
      printf("%s does not build (%d): %s\n%s\n", arguments[i], code, own, log ? log : "");
    } else {
      write_beside(arguments[i], ".ptx", ptx, strlen(ptx));
    }
    free(source);
    free(own);
  }
  return failed;
}
