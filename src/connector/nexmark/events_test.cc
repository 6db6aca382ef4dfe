#include "connector/nexmark/events.h"

#include <cmath>
#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace leat::connector {
namespace {

using nlohmann::json;

constexpr std::uint64_t events = 100'000;
constexpr TimestampMs first_ms = 1'767'225'600'000;

const NexmarkRecipe recipe{.seed = 7, .first_ms = first_ms, .events_per_second = 100'000};

json event(std::uint64_t number, const NexmarkRecipe& of = recipe) {
  std::string text;
  append_nexmark_event(of, number, text);
  return json::parse(text);
}

/// The events of one kind among the first ones, by their numbers.
std::map<std::uint64_t, json> all(const std::string& kind) {
  std::map<std::uint64_t, json> out;
  for (std::uint64_t i = 0; i < events; ++i) {
    const json one = event(i);
    if (one.contains(kind)) out[i] = one[kind];
  }
  return out;
}

double share(std::size_t part, std::size_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

TEST(NexmarkEvents, OneInFiftyIsAPersonAndThreeAreAuctions) {
  const std::map<int, NexmarkKind> kinds = {{0, NexmarkKind::person},  {1, NexmarkKind::auction},
                                            {3, NexmarkKind::auction}, {4, NexmarkKind::bid},
                                            {49, NexmarkKind::bid},    {50, NexmarkKind::person}};
  for (const auto& [number, kind] : kinds) {
    EXPECT_EQ(nexmark_kind(static_cast<std::uint64_t>(number)), kind) << number;
    EXPECT_EQ(event(static_cast<std::uint64_t>(number))["event_type"], static_cast<int>(kind));
  }
}

TEST(NexmarkEvents, AreAFunctionOfSeedAndNumber) {
  EXPECT_EQ(event(1234), event(1234));
  NexmarkRecipe other = recipe;
  other.seed = 8;
  EXPECT_NE(event(1234), event(1234, other));
}

TEST(NexmarkEvents, TimeRisesEvenly) {
  EXPECT_EQ(event(0)["person"]["dateTime"], first_ms);
  EXPECT_EQ(event(99'999)["bid"]["dateTime"], first_ms + 999);
  EXPECT_EQ(event(100'000)["person"]["dateTime"], first_ms + 1000);
}

TEST(NexmarkEvents, IdsRiseByOne) {
  std::uint64_t next = 1000;
  for (const auto& [number, person] : all("person")) EXPECT_EQ(person["id"], next++);
  next = 1000;
  for (const auto& [number, auction] : all("auction")) EXPECT_EQ(auction["id"], next++);
}

TEST(NexmarkEvents, HalfTheBidsAreForTheHotAuction) {
  const auto bids = all("bid");
  std::size_t hot = 0;
  for (const auto& [number, bid] : bids) {
    const std::uint64_t last = number / 50 * 3 + 2;  // auctions are there before a period's bids
    const auto auction = bid["auction"].get<std::uint64_t>() - 1000;
    const bool is_hot = auction == last / 100 * 100;
    hot += is_hot;
    ASSERT_TRUE(is_hot || (auction + 100 >= last && auction <= last + 10)) << number;
  }
  EXPECT_NEAR(share(hot, bids.size()), 0.5, 0.01);
}

TEST(NexmarkEvents, ThreeInFourBiddersAndSellersAreHot) {
  const auto bids = all("bid");
  std::size_t hot = 0;
  for (const auto& [number, bid] : bids) {
    const std::uint64_t last = number / 50;
    const auto bidder = bid["bidder"].get<std::uint64_t>() - 2000;
    const bool is_hot = bidder == last / 100 * 100 + 1;
    hot += is_hot;
    ASSERT_TRUE(is_hot || (bidder + 1000 > last && bidder <= last + 10)) << number;
  }
  EXPECT_NEAR(share(hot, bids.size()), 0.75, 0.01);
  const auto auctions = all("auction");
  hot = 0;
  for (const auto& [number, auction] : auctions) {
    hot += auction["seller"].get<std::uint64_t>() - 1000 == number / 50 / 100 * 100;
  }
  EXPECT_NEAR(share(hot, auctions.size()), 0.75, 0.02);
}

TEST(NexmarkEvents, PricesAreEvenInTheirLogarithm) {
  std::map<int, std::size_t> decades;
  const auto bids = all("bid");
  for (const auto& [number, bid] : bids) {
    ++decades[static_cast<int>(std::log10(bid["price"].get<double>()))];
  }
  ASSERT_EQ(decades.begin()->first, 2);
  for (int decade = 2; decade < 8; ++decade) {
    EXPECT_NEAR(share(decades[decade], bids.size()), 1.0 / 6, 0.01) << decade;
  }
}

TEST(NexmarkEvents, AuctionsExpireWithinTwiceTheTimeOfThoseInFlight) {
  std::int64_t sum = 0;
  const auto auctions = all("auction");
  for (const auto& [number, auction] : auctions) {
    const auto open =
        auction["expires"].get<std::int64_t>() - auction["dateTime"].get<std::int64_t>();
    ASSERT_GE(open, 1);
    ASSERT_LE(open, 34);  // 1,666 events take 16 or 17 ms
    sum += open;
    EXPECT_GT(auction["reserve"], auction["initialBid"]);
    EXPECT_GE(auction["category"], 10);
    EXPECT_LE(auction["category"], 14);
  }
  EXPECT_NEAR(static_cast<double>(sum) / static_cast<double>(auctions.size()), 17, 0.5);
  NexmarkRecipe fast = recipe;
  fast.events_per_second = 10e6;
  EXPECT_EQ(event(1, fast)["auction"]["expires"], first_ms + 1);
}

TEST(NexmarkEvents, ChannelsHaveAddressesOfTheirOwn) {
  std::map<std::string, std::string> urls;
  std::size_t hot = 0, cached = 0, with_id = 0;
  const auto bids = all("bid");
  for (const auto& [number, bid] : bids) {
    const std::string channel = bid["channel"], url = bid["url"];
    const auto [known, is_new] = urls.emplace(channel, url);
    ASSERT_EQ(known->second, url) << channel;
    ASSERT_TRUE(url.starts_with("https://www.nexmark.com/"));
    hot += !channel.starts_with("channel-");
    if (!is_new || !channel.starts_with("channel-")) continue;
    ++cached;
    with_id += url.find("&channel_id=") != std::string::npos;
  }
  EXPECT_NEAR(share(hot, bids.size()), 0.5, 0.01);
  EXPECT_NEAR(share(with_id, cached), 0.9, 0.02);
  EXPECT_EQ(urls.size() - cached, 4u);
  // Powers of two are easily reversed.
  int checked = 0;
  for (int power = 1; power <= 13; ++power) {
    const std::string url = urls["channel-" + std::to_string(1 << power)];
    const std::size_t id = url.find("&channel_id=");
    if (id == std::string::npos) continue;
    EXPECT_EQ(url.substr(id), "&channel_id=" + std::to_string(1 << (31 - power)));
    ++checked;
  }
  EXPECT_GT(checked, 5);
}

TEST(NexmarkEvents, ExtraFillsUpToTheAverage) {
  const auto total = [](const json& one) {
    std::size_t size = 0;
    for (const auto& [key, value] : one.items()) {
      size += value.is_string() ? value.get<std::string>().size() : 8;
    }
    return size;
  };
  for (const auto& [number, bid] : all("bid")) {
    const std::size_t extra = bid["extra"].get<std::string>().size();
    ASSERT_GE(extra, 54u);
    ASSERT_LE(extra, 81u);
  }
  for (const auto& [number, person] : all("person")) {
    const std::size_t size = total(person) - 8;  // the time is not counted
    ASSERT_GE(size, 160u);
    ASSERT_LE(size, 240u);
  }
  for (const auto& [number, auction] : all("auction")) {
    const std::size_t size = total(auction);
    ASSERT_GE(size, 400u);
    ASSERT_LE(size, 600u);
  }
}

}  // namespace
}  // namespace leat::connector
