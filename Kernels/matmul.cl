// C = op(A) op(B), batched, with an optional epilogue on each element of C. The algorithms of the two
// families differ: matmul_cpu.cl, matmul_gpu.cl.
#include "common.cl"

// 1 where A is stored [K, M], or B is stored [N, K].
#ifndef TRANSPOSE_A
#define TRANSPOSE_A 0
#endif
#ifndef TRANSPOSE_B
#define TRANSPOSE_B 0
#endif

// The epilogue, where one is generated, changes the element at flat index i of C.
#ifdef EPILOGUE_PARAMETERS
#define HAS_EPILOGUE 1
#else
#define HAS_EPILOGUE 0
#define EPILOGUE_PARAMETERS
#define EPILOGUE(value, i) (value)
#define EPILOGUE_VECTOR(value, i) (value)
#endif
