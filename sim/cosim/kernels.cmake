set(tee hw/kernels/tee_core/tops)
foreach(k route payload admit grant legtab emit answer events)
  nvtee_lockstep(${k}_top ${tee}/${k}_top.cpp kernels/tee.cpp)
endforeach()
