// planted_fault NAME: commits the named fault, so that scripts/sanitize can see that a report of it
// reaches its folder. Ends with exit code 0 where no sanitizer stops it.
#include <array>
#include <climits>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

namespace {

// Volatile: what the compiler can see through, it leaves out.
volatile int one = 1;
volatile int largest = INT_MAX;
volatile int seen = 0;
volatile int shared_by_threads = 0;

void overflow() { seen = largest + one; }

void read_past_end() {
  const auto bytes = std::make_unique<std::array<char, 4>>();
  const volatile char* past = bytes->data() + 3 + one;
  seen = *past;
}

void leak() {
  volatile char* lost = new char[16];
  *lost = 1;
}

void race() {
  std::thread other([] { shared_by_threads = 1; });
  shared_by_threads = 2;
  other.join();
}

}  // namespace

int main(int count, char** arguments) {
  const std::map<std::string, std::function<void()>> faults{
      {"overflow", overflow}, {"read_past_end", read_past_end}, {"leak", leak}, {"race", race}};
  const auto fault = count == 2 ? faults.find(arguments[1]) : faults.end();
  if (fault == faults.end()) {
    std::fputs("usage: planted_fault overflow|read_past_end|leak|race\n", stderr);
    return 2;
  }
  fault->second();
  return 0;
}
