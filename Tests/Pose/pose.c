// Preloaded into a program, makes a driver pose as another, or fail as others do, by environment variables:
//   POSE_TYPE=gpu             the kind of device
//   POSE_EXTENSIONS=NAMES     extensions besides its own
//   POSE_LOCAL, POSE_GROUP, POSE_ALLOCATION, POSE_KERNEL_GROUP=NUMBER
//                             local memory, the largest group, the largest buffer, the largest group of a kernel
//   POSE_OPTIONS=TEXT         options for the compiler besides the program's
//   POSE_EMULATE=1            matrix units are emulated whatever a program asks for
//   POSE_DIE, POSE_FAIL=TEXT  the compiler ends the process, or fails, where options hold the text
//   POSE_BROKEN=1             the device does not tell its name
//   POSE_WRONG=1              numbers that are read back are not what was computed
//   POSE_LOSE=NAME            the device is lost at the fortieth launch of a kernel of that name
//   POSE_FULL=1               memory is refused when it is first used
//   POSE_PLATFORM=NAME        the name of the platform
//   POSE_WHOLE=1              regions of a buffer are refused
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

// The function that this one stands before.
#define BEHIND(name) \
  static __typeof__(name) *behind; \
  if (!behind) behind = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static const char *given(const char *name) {
  const char *text = getenv(name);
  return text && *text ? text : NULL;
}

static cl_int answer(const void *value, size_t size, size_t room, void *out, size_t *needed) {
  if (needed) *needed = size;
  if (!out) return CL_SUCCESS;
  if (room < size) return CL_INVALID_VALUE;
  memcpy(out, value, size);
  return CL_SUCCESS;
}

cl_int clGetPlatformInfo(cl_platform_id platform, cl_platform_info what, size_t room, void *out, size_t *needed) {
  BEHIND(clGetPlatformInfo);
  const char *name = what == CL_PLATFORM_NAME ? given("POSE_PLATFORM") : NULL;
  return name ? answer(name, strlen(name) + 1, room, out, needed) : behind(platform, what, room, out, needed);
}

cl_mem clCreateSubBuffer(cl_mem buffer, cl_mem_flags flags, cl_buffer_create_type type, const void *info,
                         cl_int *code) {
  BEHIND(clCreateSubBuffer);
  if (!given("POSE_WHOLE")) return behind(buffer, flags, type, info, code);
  if (code) *code = CL_INVALID_VALUE;
  return NULL;
}

cl_int clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t room, void *out, size_t *needed) {
  BEHIND(clGetDeviceInfo);
  const struct { cl_device_info what; const char *name; } numbers[] = {
    {CL_DEVICE_LOCAL_MEM_SIZE, "POSE_LOCAL"},
    {CL_DEVICE_MAX_WORK_GROUP_SIZE, "POSE_GROUP"},
    {CL_DEVICE_MAX_MEM_ALLOC_SIZE, "POSE_ALLOCATION"},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    const char *text = what == numbers[i].what ? given(numbers[i].name) : NULL;
    if (!text) continue;
    const cl_ulong number = strtoull(text, NULL, 0);
    return answer(&number, sizeof number, room, out, needed);
  }
  if (what == CL_DEVICE_TYPE && given("POSE_TYPE")) {
    const cl_device_type type = strcmp(given("POSE_TYPE"), "gpu") ? CL_DEVICE_TYPE_CPU : CL_DEVICE_TYPE_GPU;
    return answer(&type, sizeof type, room, out, needed);
  }
  if (what == CL_DEVICE_NAME && given("POSE_BROKEN")) return CL_OUT_OF_HOST_MEMORY;
  if (what == CL_DEVICE_EXTENSIONS && given("POSE_EXTENSIONS")) {
    char all[16384];
    const cl_int code = behind(device, what, sizeof all / 2, all, NULL);
    if (code) return code;
    strcat(all, " ");
    strncat(all, given("POSE_EXTENSIONS"), sizeof all / 4);
    return answer(all, strlen(all) + 1, room, out, needed);
  }
  return behind(device, what, room, out, needed);
}

cl_int clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info what,
                                size_t room, void *out, size_t *needed) {
  BEHIND(clGetKernelWorkGroupInfo);
  if (what == CL_KERNEL_WORK_GROUP_SIZE && given("POSE_KERNEL_GROUP")) {
    const size_t size = strtoull(given("POSE_KERNEL_GROUP"), NULL, 0);
    return answer(&size, sizeof size, room, out, needed);
  }
  return behind(kernel, device, what, room, out, needed);
}

cl_int clBuildProgram(cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
                      void(CL_CALLBACK *notify)(cl_program, void *), void *data) {
  BEHIND(clBuildProgram);
  const char *more = given("POSE_OPTIONS");
  char *own = malloc((options ? strlen(options) : 0) + (more ? strlen(more) : 0) + 2);
  strcpy(own, options ? options : "");
  if (more) strcat(strcat(own, " "), more);
  if (given("POSE_DIE") && strstr(own, given("POSE_DIE"))) abort();
  if (given("POSE_FAIL") && strstr(own, given("POSE_FAIL"))) {
    free(own);
    return CL_BUILD_PROGRAM_FAILURE;
  }
  char *emulated = given("POSE_EMULATE") ? strstr(own, "EMULATED=0") : NULL;
  if (emulated) emulated[strlen("EMULATED=")] = '1';
  const cl_int code = behind(program, count, devices, own, notify, data);
  free(own);
  return code;
}

cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                              const size_t *offset, const size_t *global, const size_t *local, cl_uint count,
                              const cl_event *events, cl_event *event) {
  BEHIND(clEnqueueNDRangeKernel);
  static int launches;
  char name[256] = "";
  clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name, name, NULL);
  if (given("POSE_LOSE") && !strcmp(name, given("POSE_LOSE"))) launches++;
  if (launches >= 40) return CL_INVALID_COMMAND_QUEUE;
  return behind(queue, kernel, dimensions, offset, global, local, count, events, event);
}

cl_int clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
                           void *out, cl_uint count, const cl_event *events, cl_event *event) {
  BEHIND(clEnqueueReadBuffer);
  const cl_int code = behind(queue, buffer, blocking, offset, size, out, count, events, event);
  if (!code && given("POSE_WRONG") && size >= sizeof(float)) *(float *)out += 1;
  return code;
}

cl_int clEnqueueMigrateMemObjects(cl_command_queue queue, cl_uint buffer_count, const cl_mem *buffers,
                                  cl_mem_migration_flags flags, cl_uint count, const cl_event *events,
                                  cl_event *event) {
  BEHIND(clEnqueueMigrateMemObjects);
  if (given("POSE_FULL")) return CL_MEM_OBJECT_ALLOCATION_FAILURE;
  return behind(queue, buffer_count, buffers, flags, count, events, event);
}
