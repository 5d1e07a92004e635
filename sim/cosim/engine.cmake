# The whole engine's RTL (target rtl_engine_top of hw/hlsc) in place of the native engine, under the tests of
# hw/kernels/engine: engine_rtl; engine_bench: clocks, latency; engine_waves: engine_rtl with waveforms, built when
# one is wanted (run.sh). With NVTEE_ENGINE_GATES kernels that wait stand still in all of them (gate.cpp); engine_other:
# engine_rtl the other way round, compared with it port by port, clock by clock (gates.sh).
option(NVTEE_ENGINE_GATES "models of the engine in which kernels that wait stand still" ON)
set(NVTEE_ENGINE_DIR ${PROJECT_BINARY_DIR}/rtl/engine)

add_executable(nvtee_gate gate.cpp)
set_target_properties(nvtee_gate PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/cosim)

# nvtee_engine_gates(LIBRARY FILES): engine_top.f or one of its mutants, gated, as gated_LIBRARY/gated.f.
function(nvtee_engine_gates library files)
  set(dir ${NVTEE_ENGINE_DIR}/gated_${library})
  cmake_path(ABSOLUTE_PATH files BASE_DIRECTORY ${NVTEE_ENGINE_DIR})
  add_custom_command(OUTPUT ${dir}/gated.f
    COMMAND nvtee_gate ${files} ${dir} ${PROJECT_SOURCE_DIR}/hw/hlsc/rtl/hlsc_fifo.v
    DEPENDS nvtee_gate ${NVTEE_ENGINE_DIR}/engine_top.made ${files} ${PROJECT_SOURCE_DIR}/hw/hlsc/rtl/hlsc_fifo.v
    COMMENT "gates of ${library}" VERBATIM)
  add_custom_target(gates_${library} DEPENDS ${dir}/gated.f)
  add_dependencies(gates_${library} rtl_engine_top)
endfunction()

# nvtee_engine_model(LIBRARY FILES FLAGS...): Verilator's model of engine_top, from hlsc's files or gated ones.
function(nvtee_engine_model library files)
  set(obj ${NVTEE_ENGINE_DIR}/obj_${library})
  set(more)  # gated.f names its own buffer, and is as new as what it lists
  set(made)
  if(NOT files MATCHES gated.f)
    set(more ${PROJECT_SOURCE_DIR}/hw/hlsc/rtl/hlsc_fifo.v)
    set(made ${NVTEE_ENGINE_DIR}/engine_top.made)
  endif()
  cmake_path(ABSOLUTE_PATH files BASE_DIRECTORY ${NVTEE_ENGINE_DIR})
  add_custom_command(OUTPUT ${obj}/Vengine_top__ALL.a
    COMMAND ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/quiet.sh ${obj}.lint ${NVTEE_VERILATOR} --cc ${ARGN} ${NVTEE_VERILATOR_FLAGS}
      --prefix Vengine_top --top-module engine_top --Mdir ${obj}
      ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/engine/public.vlt -f ${files} ${more}
    COMMAND ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/quiet.sh ${obj}.log make -s -j2 -C ${obj} -f Vengine_top.mk Vengine_top__ALL.a
      "CXX=${NVTEE_CCACHE} ${CMAKE_CXX_COMPILER} -w" OPT_FAST=-O2 OPT_SLOW=-O0
    WORKING_DIRECTORY ${NVTEE_ENGINE_DIR}
    DEPENDS ${files} ${more} ${made} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/engine/public.vlt
    COMMENT "Verilator ${library}" VERBATIM)
  add_custom_target(verilate_${library} DEPENDS ${obj}/Vengine_top__ALL.a)
  add_dependencies(verilate_${library} rtl_engine_top)
  add_library(${library} INTERFACE)
  add_dependencies(${library} verilate_${library})
  target_include_directories(${library} SYSTEM INTERFACE ${obj} ${NVTEE_ENGINE_DIR})
  target_link_libraries(${library} INTERFACE ${obj}/Vengine_top__ALL.a nvtee_verilated)
endfunction()

# nvtee_engine_chosen(GATES LIBRARY FILES FLAGS...): the same; with GATES kernels that wait stand still.
function(nvtee_engine_chosen gates library files)
  if(NOT gates)
    nvtee_engine_model(${library} ${files} ${ARGN})
    return()
  endif()
  nvtee_engine_gates(${library} ${files})
  set(dir ${NVTEE_ENGINE_DIR}/gated_${library})
  nvtee_engine_model(${library} ${dir}/gated.f ${ARGN})
  add_dependencies(verilate_${library} gates_${library})
endfunction()

function(nvtee_engine_program program model)
  add_executable(${program} ${ARGN} engine/rtl_card.cpp $<TARGET_OBJECTS:nvtee_engine_world>)
  target_link_libraries(${program} PRIVATE ${model} nvtee_hls nvtee_base GTest::gtest)
  target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${program} PRIVATE -Wno-unknown-pragmas)
  set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/cosim)
endfunction()

set(engine_tests $<TARGET_OBJECTS:nvtee_engine_stories>)
nvtee_engine_chosen("${NVTEE_ENGINE_GATES}" Vengine engine_top.f)
nvtee_engine_program(engine_rtl Vengine ${engine_tests})
target_link_libraries(engine_rtl PRIVATE GTest::gtest_main)
nvtee_engine_program(engine_bench Vengine engine/bench.cpp)
target_compile_definitions(engine_bench PRIVATE
  NVTEE_ENGINE_JSON="${NVTEE_ENGINE_DIR}/engine_top.json:${NVTEE_ENGINE_DIR}/tee_core_top.json")
add_dependencies(cosim engine_rtl engine_bench)

# Planted bugs: those of engine/mutants.txt.
set(mutants ${NVTEE_ENGINE_DIR}/mutants)
add_custom_command(OUTPUT ${mutants}/engine_top.f ${mutants}.txt
  COMMAND nvtee_mutate --engine ${NVTEE_ENGINE_DIR} ${mutants} ${mutants}.txt ${PROJECT_SOURCE_DIR}
    ${CMAKE_CURRENT_SOURCE_DIR}/engine/mutants.txt
  DEPENDS nvtee_mutate ${NVTEE_ENGINE_DIR}/engine_top.made ${CMAKE_CURRENT_SOURCE_DIR}/engine/mutants.txt VERBATIM)
add_custom_target(engine_mutated DEPENDS ${mutants}/engine_top.f)
add_dependencies(engine_mutated rtl_engine_top)
nvtee_engine_chosen("${NVTEE_ENGINE_GATES}" Mengine ${mutants}/engine_top.f)
add_dependencies(verilate_Mengine engine_mutated)
if(TARGET gates_Mengine)
  add_dependencies(gates_Mengine engine_mutated)
endif()
nvtee_engine_program(engine_mutants Mengine engine/mutants.cpp ${engine_tests})
set_target_properties(engine_mutants PROPERTIES EXCLUDE_FROM_ALL TRUE)

set(other ON)
if(NVTEE_ENGINE_GATES)
  set(other OFF)
endif()
nvtee_engine_chosen(${other} Oengine engine_top.f)
nvtee_engine_program(engine_other Oengine ${engine_tests})
target_link_libraries(engine_other PRIVATE GTest::gtest_main)

nvtee_engine_chosen("${NVTEE_ENGINE_GATES}" Wengine engine_top.f --trace-fst)
nvtee_engine_program(engine_waves Wengine ${engine_tests})
target_compile_definitions(engine_waves PRIVATE NVTEE_COSIM_WAVES)
target_link_libraries(engine_waves PRIVATE GTest::gtest_main)
set_target_properties(engine_waves PROPERTIES EXCLUDE_FROM_ALL TRUE)

# Bounded: each story once, from the same seed each time (NVTEE_ENGINE_SEED, NVTEE_ENGINE_ROUNDS: others, more).
foreach(story RandomMixes HostileBytes Fuzz LegLoss HostsComeAndGo Punts RawSessions Tables BadDataDigest LegBadDigest Fences Overlaps SameAsNative LyingLegs LyingHosts Namespaces LeaseEnds WritesFail)
  add_test(NAME cosim_engine_${story} COMMAND engine_rtl --gtest_filter=*.${story})
  set_tests_properties(cosim_engine_${story} PROPERTIES TIMEOUT 600 LABELS cosim ENVIRONMENT NVTEE_ENGINE_ROUNDS=1)
endforeach()

# Gates change nothing: a small netlist, and the whole engine in quick stories; in more by ./dev cosim --gates.
add_test(NAME cosim_gates COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/gates_test.sh $<TARGET_FILE:hlsc> $<TARGET_FILE:nvtee_gate>
  ${NVTEE_VERILATOR} ${CMAKE_CXX_COMPILER} ${PROJECT_SOURCE_DIR} ${NVTEE_VERILATOR_FLAGS})
set_tests_properties(cosim_gates PROPERTIES TIMEOUT 600 LABELS cosim)
add_test(NAME cosim_gates_engine COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/gates.sh ${PROJECT_BINARY_DIR} 1 RandomMixes Fuzz LegLoss Punts RawSessions)
set_tests_properties(cosim_gates_engine PROPERTIES TIMEOUT 600 LABELS cosim)

# Each planted bug of the list still has its place (./dev cosim --mutants runs them).
add_test(NAME cosim_mutant_places COMMAND nvtee_mutate --engine ${NVTEE_ENGINE_DIR} ${NVTEE_ENGINE_DIR}/mutant_places
  ${NVTEE_ENGINE_DIR}/mutant_places.txt ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/engine/mutants.txt)
set_tests_properties(cosim_mutant_places PROPERTIES TIMEOUT 120 LABELS cosim)
