// The program's entry; all work is in app/.
#include <cstdio>
#include <exception>

#include "app/cli.hpp"

int main(int argc, char** argv) {
  try {
    return pabal::app::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pabal: a mistake of the program: %s\n", error.what());
    return pabal::app::exit_refused;
  }
}
