// What a pass looks at: what is marked, what wanted something, what time makes due, and nothing else.
#include "core/agenda.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace haven {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class AgendaTest : public testing::Test {
 protected:
  // By importance: c, a, b.
  AgendaTest() {
    auto spec = std::make_shared<Spec>();
    for (const auto& [name, priority] : {std::pair{"a", 2}, std::pair{"b", 1}, std::pair{"c", 3}}) {
      Resource resource;
      resource.name = ResourceName{name};
      resource.priority = priority;
      spec->resources.push_back(resource);
    }
    roster_ = std::make_unique<Roster>(spec);
  }
  std::vector<std::string> take(Duration at = {}) {
    std::vector<std::string> names;
    for (const std::size_t place : agenda_.take(*roster_, Instant{at})) {
      names.push_back(roster_->order[place]->name.str());
      agenda_.looked(place, names.back() == wanting_, names.back() == waiting_ ? Instant{5s} : kNever);
    }
    return names;
  }
  void mark(const char* name) { agenda_.mark(*roster_, ResourceName{name}); }

  std::unique_ptr<Roster> roster_;
  Agenda agenda_;
  std::string wanting_, waiting_;
};

TEST_F(AgendaTest, BeginsWithEverythingInOrderOfImportance) {
  EXPECT_THAT(take(), ElementsAre("c", "a", "b"));
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(AgendaTest, LooksAtWhatIsMarkedOnceHoweverOften) {
  (void)take();
  mark("b");
  mark("c");
  mark("b");
  mark("nobody");
  EXPECT_THAT(take(), ElementsAre("c", "b"));
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(AgendaTest, LooksAgainAtWhatWantsSomethingUntilItDoesNot) {
  wanting_ = "a";
  (void)take();
  EXPECT_THAT(take(), ElementsAre("a"));
  EXPECT_THAT(take(), ElementsAre("a"));
  wanting_ = "";
  EXPECT_THAT(take(), ElementsAre("a"));
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(AgendaTest, LooksAtWhatTimeMakesDue) {
  waiting_ = "b";
  (void)take();
  EXPECT_EQ(agenda_.wake(), Instant{5s});
  EXPECT_THAT(take(4s), IsEmpty());
  waiting_ = "";
  EXPECT_THAT(take(5s), ElementsAre("b"));
  EXPECT_EQ(agenda_.wake(), kNever);
}

TEST_F(AgendaTest, ALookMovesItsTime) {
  waiting_ = "b";
  (void)take();
  waiting_ = "";
  mark("b");
  (void)take();
  EXPECT_EQ(agenda_.wake(), kNever);
}

TEST_F(AgendaTest, MarkingAllForgetsWhatWasKept) {
  wanting_ = waiting_ = "b";
  (void)take();
  wanting_ = waiting_ = "";
  agenda_.mark_all();
  EXPECT_THAT(take(), ElementsAre("c", "a", "b"));
  EXPECT_EQ(agenda_.wake(), kNever);
  EXPECT_THAT(take(), IsEmpty());
}

// A pass may end before it has looked at all that it took.
TEST_F(AgendaTest, WhatIsLeftForTheNextTimeHidesNoLaterDeadline) {
  (void)take();
  const auto place_of = [&](const char* name) { return roster_->rank[*roster_->index(ResourceName{name})]; };
  agenda_.looked(place_of("a"), false, Instant{3s});
  agenda_.looked(place_of("b"), false, Instant{5s});
  const auto places = agenda_.take(*roster_, Instant{3s});
  ASSERT_THAT(places, ElementsAre(place_of("a")));
  agenda_.mark_place(places.front());
  EXPECT_EQ(agenda_.wake(), Instant{5s});
  EXPECT_THAT(take(4s), ElementsAre("a"));
}

}  // namespace
}  // namespace haven
