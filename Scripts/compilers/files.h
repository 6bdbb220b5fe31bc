// What the drivers of compilers share: files that lie beside a kernel.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The text of the file whose name is `path` with another ending.
static inline char *text_of(const char *path, const char *ending) {
  char name[4096];
  snprintf(name, sizeof name, "%.*s%s", (int)(strlen(path) - strlen(".cl")), path, ending);
  FILE *file = fopen(name, "r");
  if (!file) { perror(name); exit(2); }
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  char *text = malloc(size + 1);
  size = fread(text, 1, size, file);
  text[size] = 0;
  fclose(file);
  return text;
}

// Writes a result beside the kernel whose file is `path`.
static inline void write_beside(const char *path, const char *ending, const void *bytes, size_t size) {
  char name[4096];
  snprintf(name, sizeof name, "%.*s%s", (int)(strlen(path) - strlen(".cl")), path, ending);
  FILE *file = fopen(name, "w");
  if (!file || fwrite(bytes, 1, size, file) != size || fclose(file)) { perror(name); exit(2); }
}
