include(${CMAKE_CURRENT_LIST_DIR}/flightkvTargets.cmake)
