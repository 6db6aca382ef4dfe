#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include <fmt/ranges.h>

#include "operator/open_sessions.h"

namespace leat::op {
namespace {

constexpr std::int64_t gap = 10;

std::vector<std::string> texts(const OpenSessions::Key& key) {
  std::vector<std::string> out;
  for (const OpenSession& session : key.sessions) {
    out.push_back(fmt::format("{}-{}", session.start, session.last));
  }
  return out;
}

using Texts = std::vector<std::string>;

TEST(OpenSessions, GrowAndComeTogether) {
  OpenSessions open({.gap_us = gap});
  OpenSessions::Key& key = open.key("k");
  std::vector<OpenSessions::Merged> merged;
  for (const EventTimeUs time : {100, 130, 109, 95, 140}) open.add(key, time, merged);
  EXPECT_EQ(texts(key), (Texts{"95-109", "130-130", "140-140"})) << "a gap apart is apart";
  EXPECT_TRUE(merged.empty());
  open.add(key, 121, merged);
  EXPECT_EQ(texts(key), (Texts{"95-109", "121-130", "140-140"}));
  open.add(key, 115, merged);
  EXPECT_EQ(texts(key), (Texts{"95-130", "140-140"}));
  ASSERT_EQ(merged.size(), 1u);
  EXPECT_EQ(merged[0].from.id, 130);
  EXPECT_EQ(merged[0].into, 100);
  EXPECT_EQ(OpenSessions::at(key, 131), nullptr);
  EXPECT_EQ(OpenSessions::at(key, 94), nullptr);
  EXPECT_EQ(OpenSessions::at(key, 112)->id, 100);
}

TEST(OpenSessions, AreDueWhenTheirGapHasPassed) {
  OpenSessions open({.gap_us = gap});
  std::vector<OpenSessions::Merged> merged;
  open.add(open.key("a"), 100, merged);
  open.add(open.key("b"), 100, merged);
  open.add(open.key("b"), 105, merged);
  EXPECT_TRUE(open.take_due(109).empty());
  auto due = open.take_due(110);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0]->bytes, "a");
  open.close(*due[0], 110);
  EXPECT_EQ(open.find("a"), nullptr);
  EXPECT_EQ(open.last_end(), 115);
  due = open.take_due(115);
  ASSERT_EQ(due.size(), 1u);
  EXPECT_EQ(due[0]->bytes, "b");
  open.close(*due[0], 115);
  EXPECT_EQ(open.last_end(), no_watermark);
}

TEST(OpenSessions, EndInTheFutureAreNeverDue) {
  EXPECT_EQ(OpenSessions::end_of(end_of_time - 5, gap), end_of_time);
}

/// Against all times of each key, cut wherever they are a gap apart.
TEST(OpenSessions, AreWhatTheTimesSay) {
  std::mt19937_64 random(1);
  OpenSessions open({.gap_us = gap});
  std::map<std::string, std::set<EventTimeUs>> times;
  std::vector<OpenSessions::Merged> merged;
  EventTimeUs watermark = 0;
  for (int step = 0; step < 20000; ++step) {
    const std::string name = fmt::format("key {}", random() % 20);
    const EventTimeUs time = watermark + static_cast<EventTimeUs>(random() % 300);
    times[name].insert(time);
    OpenSessions::Key& key = open.key(name);
    open.add(key, time, merged);
    ASSERT_NE(OpenSessions::at(key, time), nullptr);
    if (step % 20 != 0) continue;
    watermark += static_cast<EventTimeUs>(random() % 40);
    std::set<std::string> due;
    for (OpenSessions::Key* one : open.take_due(watermark)) {
      EXPECT_TRUE(due.insert(std::string(one->bytes)).second);
      open.close(*one, watermark);
    }
    for (auto& [bytes, all] : times) {
      Texts expected;
      bool closed = false;
      for (auto it = all.begin(); it != all.end();) {
        const EventTimeUs start = *it;
        EventTimeUs last = start;
        auto next = it;
        while (next != all.end() && *next < last + gap) last = *next++;
        if (last + gap <= watermark) {
          closed = true;
          all.erase(it, next);
        } else {
          expected.push_back(fmt::format("{}-{}", start, last));
        }
        it = next;
      }
      EXPECT_EQ(due.contains(bytes), closed);
      const OpenSessions::Key* found = open.find(bytes);
      ASSERT_EQ(found == nullptr ? Texts() : texts(*found), expected);
    }
  }
  EXPECT_GT(merged.size(), 100u);
}

}  // namespace
}  // namespace leat::op
