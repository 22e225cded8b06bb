// The program's entry; all work is in app/.
#include <cstdio>

int main() {
  std::puts("pabal 0.1.0");
  return 0;
}
