// AMD's own compiler, without a GPU: amd DEVICE FILE.cl... writes FILE.code for each, for a device such as gfx1100.
// The options of a file's kernels are in FILE.options. The driver lists devices that are not there if it is asked
// (cl_amd_offline_devices).
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include "files.h"

#define CL_CONTEXT_OFFLINE_DEVICES_AMD 0x403F
enum { MOST_DEVICES = 512 };

// Writes the binary of the only device that has one.
static void write_binary(cl_program program, cl_uint count, const char *path) {
  static size_t sizes[MOST_DEVICES];
  static unsigned char *binaries[MOST_DEVICES];
  memset(sizes, 0, sizeof sizes);
  clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof sizes, sizes, NULL);
  for (cl_uint i = 0; i < count; i++) binaries[i] = malloc(sizes[i] + 1);
  clGetProgramInfo(program, CL_PROGRAM_BINARIES, count * sizeof *binaries, binaries, NULL);
  for (cl_uint i = 0; i < count; i++) {
    if (sizes[i]) write_beside(path, ".code", binaries[i], sizes[i]);
    free(binaries[i]);
  }
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  cl_platform_id platform;
  cl_int code = clGetPlatformIDs(1, &platform, NULL);
  if (code) { fprintf(stderr, "no platform (%d)\n", code); return 2; }
  cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)platform,
                                        CL_CONTEXT_OFFLINE_DEVICES_AMD, 1, 0};
  cl_context context = clCreateContextFromType(properties, CL_DEVICE_TYPE_ALL, NULL, NULL, &code);
  if (!context) { fprintf(stderr, "no context for absent devices (%d)\n", code); return 2; }
  static cl_device_id devices[MOST_DEVICES];
  cl_uint device_count = 0;
  clGetContextInfo(context, CL_CONTEXT_NUM_DEVICES, sizeof device_count, &device_count, NULL);
  clGetContextInfo(context, CL_CONTEXT_DEVICES, sizeof devices, devices, NULL);
  cl_device_id device = NULL;
  for (cl_uint i = 0; i < device_count && !device; i++) {
    char name[256] = "";
    clGetDeviceInfo(devices[i], CL_DEVICE_NAME, sizeof name, name, NULL);
    if (!strcmp(name, arguments[1])) device = devices[i];
  }
  if (!device) { fprintf(stderr, "the driver does not know %s\n", arguments[1]); return 2; }
  int failed = 0;
  for (int i = 2; i < count; i++) {
    char *source = text_of(arguments[i], ".cl"), *options = text_of(arguments[i], ".options");
    const char *text = source;
    cl_program program = clCreateProgramWithSource(context, 1, &text, NULL, &code);
    code = clBuildProgram(program, 1, &device, options, NULL, NULL);
    if (code) {
      static char log[1 << 20];
      log[0] = 0;
      clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log, NULL);
      failed = 1;
      printf("%s does not build (%d): %s\n%.2000s\n", arguments[i], code, options, log);
    } else {
      write_binary(program, device_count, arguments[i]);
    }
    clReleaseProgram(program);
    free(source);
    free(options);
  }
  return failed;
}
