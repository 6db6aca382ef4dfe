#include "base/ids.h"

#include <gtest/gtest.h>

namespace leat {
namespace {

TEST(Named, CountsAndCompares) {
  Offset offset(41);
  ++offset;
  EXPECT_EQ(offset, Offset(42));
  EXPECT_EQ(offset + 8, Offset(50));
  EXPECT_EQ(Offset(50) - offset, 8);
  EXPECT_LT(offset, Offset(43));
  EXPECT_EQ(fmt::format("{}", offset), "42");
}

}  // namespace
}  // namespace leat
