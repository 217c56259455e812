#include "daemon/codec.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <nlohmann/json.hpp>

#include "daemon/random_record.hpp"

namespace haven {
namespace {

using codec::decode;
using codec::encode;
using test::Draw;

// rapidcheck draws the seed and prints it; 500 runs over each kind.
template <class Property>
void for_all(Property property) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) { property(seed); }));
}

bool unreadable(const std::optional<Record>& record) {
  return record && std::holds_alternative<UnreadableRecord>(*record);
}

TEST(Codec, ReadsBackWhatItWrote) {
  for_all([](std::uint64_t seed) {
    Draw draw(seed);
    for (int kind = 0; kind < Draw::kKinds; ++kind) {
      const Record record = draw.record(kind);
      const std::string text = encode(record);
      RC_ASSERT(decode(Draw::path_of(kind), text) == std::optional(record));
    }
  });
}

TEST(Codec, EveryKeyOfARecordIsNeededAndNoOtherIsTaken) {
  for_all([](std::uint64_t seed) {
    Draw draw(seed);
    for (int kind = 0; kind < Draw::kKinds; ++kind) {
      const std::string path = Draw::path_of(kind);
      const auto json = nlohmann::json::parse(encode(draw.record(kind)));
      auto more = json;
      more["from_the_future"] = 1;
      RC_ASSERT(unreadable(decode(path, more.dump())));
      for (const auto& [key, value] : json.items()) {
        auto other = json;
        other[key] = nlohmann::json::array({nlohmann::json::object()});
        RC_ASSERT(unreadable(decode(path, other.dump())));
        if (key == "state" && kind == 1) continue;  // an order's fields may be absent
        if (key == "relocate_to" || key == "move_to" || key == "migrate_to" || key == "migrating_to") continue;
        auto less = json;
        less.erase(key);
        RC_ASSERT(unreadable(decode(path, less.dump())));
      }
    }
  });
}

TEST(Codec, AnswersBytesOfAnyKind) {
  for_all([](std::uint64_t seed) {
    Draw draw(seed);
    for (int kind = 0; kind < Draw::kKinds; ++kind) {
      std::string text = encode(draw.record(kind));
      const auto place = static_cast<std::size_t>(draw.number(0, static_cast<std::int64_t>(text.size()) - 1));
      if (draw.flag()) {
        text[place] = static_cast<char>(draw.number(-128, 127));
      } else {
        text.resize(place);
      }
      RC_ASSERT(decode(Draw::path_of(kind), text).has_value());
    }
  });
}

TEST(Codec, RefusesWhatIsOutOfRange) {
  const ClaimRecord claim{HostName("h1"), Incarnation(std::string(32, 'a')), {7}, ClaimOrder::run, {}, {}};
  const auto good = nlohmann::json::parse(encode(claim));
  const auto with = [&](const char* key, const nlohmann::json& value) {
    auto json = good;
    json[key] = value;
    return decode("claim/web1", json.dump());
  };
  EXPECT_EQ(decode("claim/web1", good.dump()), std::optional<Record>(claim));
  for (const auto& bad : {nlohmann::json(-1), nlohmann::json(1.5), nlohmann::json("7"), nlohmann::json(1e300),
                          nlohmann::json(18446744073709551615ULL), nlohmann::json(nullptr)}) {
    EXPECT_TRUE(unreadable(with("generation", bad))) << bad;
  }
  EXPECT_TRUE(unreadable(with("host", "../h1")));
  EXPECT_TRUE(unreadable(with("host", "")));
  EXPECT_TRUE(unreadable(with("incarnation", "abc")));
  EXPECT_TRUE(unreadable(with("order", "explode")));
  EXPECT_TRUE(unreadable(decode("claim/../../etc", good.dump())));
  EXPECT_TRUE(unreadable(decode("claim/web1", "")));
  EXPECT_TRUE(unreadable(decode("claim/web1", "[]")));
  EXPECT_TRUE(unreadable(decode("claim/web1", std::string(100000, '['))));
}

TEST(Codec, SaysWhatIsWrong) {
  const auto record = decode("leader", R"({"reign":"00000000000000000000000000000000","host":7})");
  ASSERT_TRUE(unreadable(record));
  EXPECT_EQ(std::get<UnreadableRecord>(*record).problem, "\"host\" is no text");
}

TEST(Codec, LeavesKeysOfNoKnownKindAlone) {
  EXPECT_EQ(decode("pledge/h1", "{}"), std::nullopt);
  EXPECT_EQ(decode("spec/0123/0", "x"), std::nullopt);
}

TEST(Codec, WritesWordsThatAreNotUtf8) {
  RunRecord run;
  run.host = HostName("h1");
  run.incarnation = Incarnation(std::string(32, 'a'));
  run.detail = "\xff\xfe";
  EXPECT_TRUE(std::holds_alternative<RunRecord>(*decode("run/web1", encode(run))));
}

}  // namespace
}  // namespace haven
