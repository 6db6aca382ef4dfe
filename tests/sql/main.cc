// Runs the cases of text files (README.md beside this) on the engine and on DuckDB.
//   sql_cases [--only TEXT] [--way WAY]… [--seed N] [--kills N] [--write] FILE…
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <spdlog/spdlog.h>

#include "case_check.h"
#include "state/scratch_directory.h"

namespace {

using namespace leat;
using namespace leat::proof;

struct Wishes {
  std::string only;
  bool write = false;
  CaseCheck::Setup setup;
  std::vector<std::string> files;
};

int usage() {
  std::fputs(
      "usage: sql_cases [--only TEXT] [--way straight|workers|rows|kills]… [--seed N] [--kills N]\n"
      "                 [--write] FILE…\n"
      "--only: cases whose name has the text. --kills: how often each runs with kills.\n"
      "--write: puts what DuckDB answers in place of the expected rows; read them before you keep "
      "them.\n",
      stderr);
  return 2;
}

bool take(int count, char** arguments, Wishes& wishes) {
  std::vector<Way> ways;
  for (int i = 1; i < count; ++i) {
    const std::string word = arguments[i];
    if (word == "--write") {
      wishes.write = true;
      continue;
    }
    if (!word.starts_with("--")) {
      wishes.files.push_back(word);
      continue;
    }
    if (++i == count) return false;
    const std::string value = arguments[i];
    if (word == "--only") {
      wishes.only = value;
    } else if (word == "--seed") {
      wishes.setup.seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (word == "--kills") {
      wishes.setup.kills_runs = static_cast<unsigned>(std::strtoul(value.c_str(), nullptr, 10));
    } else if (word == "--way") {
      for (const Way way : wishes.setup.ways) {
        if (to_string(way) == value) ways.push_back(way);
      }
    } else {
      return false;
    }
  }
  if (!ways.empty()) wishes.setup.ways = ways;
  return !wishes.files.empty();
}

/// Puts DuckDB's answers in place of the rows that the cases of one file expect.
Status write_answers(const std::string& path, const std::vector<Case>& cases, CaseCheck& check) {
  std::vector<std::string> lines;
  {
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
  }
  for (auto one = cases.rbegin(); one != cases.rend(); ++one) {
    if (one->expected_line == 0) continue;
    const Table answer = LEAT_TRY(check.judged(*one));
    std::vector<std::string> rows;
    for (const Cells& row : answer.rows) rows.push_back(to_text(row));
    std::ranges::sort(rows);
    const auto begin = lines.begin() + one->expected_line - 1;
    lines.insert(lines.erase(begin, begin + one->expected_count), rows.begin(), rows.end());
  }
  std::ofstream out(path);
  for (const std::string& line : lines) out << line << "\n";
  return {};
}

int run(const Wishes& wishes) {
  auto check = CaseCheck::open(wishes.setup);
  if (!check) {
    std::fprintf(stderr, "sql_cases: %s\n", check.error().message.c_str());
    return 70;
  }
  std::size_t passed = 0, failed = 0;
  for (const std::string& file : wishes.files) {
    auto cases = read_cases(file);
    if (cases && !wishes.only.empty()) {
      std::erase_if(*cases, [&](const Case& one) { return !one.name.contains(wishes.only); });
    }
    if (cases && wishes.write) {
      if (const Status written = write_answers(file, *cases, **check); !written) {
        cases = std::unexpected(written.error());
      } else {
        cases = read_cases(file);
      }
    }
    if (!cases) {
      std::printf("FAIL %s\n", cases.error().message.c_str());
      ++failed;
      continue;
    }
    for (const Case& one : *cases) {
      if (!one.name.contains(wishes.only)) continue;
      const auto fault = (*check)->fault_of(one);
      if (fault) std::printf("FAIL %s", fault->c_str());
      ++(fault ? failed : passed);
    }
  }
  std::printf("%zu runs of the engine, seed %llu\n", (*check)->runs(),
              static_cast<unsigned long long>(wishes.setup.seed));
  std::printf("%zu passed, %zu failed, 0 skipped\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  spdlog::set_level(spdlog::level::off);
  Wishes wishes;
  if (!take(count, arguments, wishes)) return usage();
  // Stores are opened and synced hundreds of times; a disk has no part in it.
  if (std::getenv("TMPDIR") == nullptr && std::filesystem::is_directory("/dev/shm")) {
    ::setenv("TMPDIR", "/dev/shm", 1);
  }
  const state::ScratchDirectory scratch;
  wishes.setup.directory = scratch.path() + "/case";
  return run(wishes);
}
