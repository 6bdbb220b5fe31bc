// The OpenCL headers of the system, as every room but Sources/OpenCL never sees them.
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
