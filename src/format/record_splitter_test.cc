#include "format/record_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace leat::format {
namespace {

using testing::ElementsAre;

/// Feeds the text in pieces, as a file is read, and gives the records; "!" marks a too large one.
std::vector<std::string> split(const std::string& text, SplitOptions options, std::size_t piece) {
  RecordSplitter splitter(options);
  std::vector<std::string> out;
  std::string buffer;
  for (std::size_t read = 0; read <= text.size(); read += piece) {
    buffer += text.substr(read, piece);
    const bool last = read + piece > text.size();
    std::vector<RecordSpan> spans;
    const std::size_t done = splitter.split(buffer, last, spans);
    EXPECT_LE(done, buffer.size());
    if (last) {
      EXPECT_EQ(done, buffer.size());
    }
    for (const RecordSpan& span : spans) {
      out.push_back((span.too_large ? "!" : "") + buffer.substr(span.begin, span.length));
    }
    buffer.erase(0, done);
  }
  return out;
}

TEST(RecordSplitter, FindsLinesHoweverTheyAreCut) {
  for (std::size_t piece = 1; piece < 30; ++piece) {
    EXPECT_THAT(split("{\"a\":1}\r\n\n  \t\n{\"b\":2}\n[3]", {}, piece),
                ElementsAre("{\"a\":1}", "{\"b\":2}", "[3]"))
        << piece;
  }
}

TEST(RecordSplitter, KeepsLineEndsInsideOfQuotes) {
  for (std::size_t piece = 1; piece < 40; ++piece) {
    EXPECT_THAT(split("a,\"x\ny\"\r\n\"\"\"\n\",b\n\n1,2", {.csv = true}, piece),
                ElementsAre("a,\"x\ny\"", "\"\"\"\n\",b", "1,2"))
        << piece;
  }
}

TEST(RecordSplitter, PassesOverWhatIsTooLarge) {
  const SplitOptions lines{.record_bytes_max = 5};
  EXPECT_THAT(split("abc\nabcdefghijklmnop\nxyz\n", lines, 100),
              ElementsAre("abc", "!abcdefghijklmnop", "xyz"));
  EXPECT_THAT(split("abc\nabcdefghijklmnop\nxyz\n", lines, 4),
              ElementsAre("abc", "!abcdefgh", "xyz"));
  const SplitOptions csv{.csv = true, .record_bytes_max = 6};
  EXPECT_THAT(split("\"ab\ncdefghi\njkl\"\nxyz\n", csv, 4), ElementsAre("!\"ab\ncdef", "xyz"));
  EXPECT_THAT(split("\"ab\ncdefghi\njkl", csv, 4).size(), 1u);
}

}  // namespace
}  // namespace leat::format
