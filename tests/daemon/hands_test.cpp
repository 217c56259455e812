#include "daemon/hands.hpp"

#include <gtest/gtest.h>

#include "daemon/boot.hpp"
#include "daemon/codec.hpp"
#include "daemon/fakes.hpp"

namespace haven::daemon {
namespace {

using test::TemporaryFolder;
using test::uuid_of;

// Remembers what it was asked, and what lay in a folder at that moment.
class WatchfulEngine final : public port::Engine {
 public:
  void watch(const std::string&) override {}
  void commit(CallId call, port::Transaction transaction, Duration) override {
    if (on_commit) on_commit();
    commits.emplace_back(call, std::move(transaction));
  }
  void grant_lease(CallId call, Duration, Duration) override { leases.push_back(call); }
  void keep_alive(CallId call, LeaseId, Duration) override { leases.push_back(call); }
  void revoke_lease(CallId call, LeaseId, Duration) override { leases.push_back(call); }
  void read(CallId, const std::string& key, Duration) override { reads.push_back(key); }
  void ask_voters(CallId, Duration) override {}
  std::vector<std::string> reads;
  std::function<void()> on_commit;
  std::vector<std::pair<CallId, port::Transaction>> commits;
  std::vector<CallId> leases;
};

class HandsTest : public testing::Test {
 protected:
  HandsTest() {
    std::filesystem::create_directories(folder_ / "released");
    auto spec = std::make_shared<Spec>();
    spec->hosts.resize(1);
    spec->hosts[0].name = HostName("h1");
    spec->hosts[0].address = "10.0.0.1";
    spec->hosts[0].fence = {FenceDevice{"fence_a", {}, 1}, FenceDevice{"fence_b", {}, 1}};
    Resource web;
    web.name = ResourceName("web1");
    web.uuid = uuid_of(1);
    web.xml = test::domain_xml(1);
    spec->resources.push_back(web);
    Resource container;
    container.name = ResourceName("box");
    container.uuid = uuid_of(2);
    container.xml = "<domain type='lxc'><name>box-domain</name><uuid>" + uuid_of(2) +
                    "</uuid><memory>1</memory><os><type>exe</type></os></domain>";
    container.container = true;
    spec->resources.push_back(container);
    spec_ = spec;
    hands_.know(spec_);
  }
  void perform(const Action& action, std::uint64_t call = 0) { hands_.perform({CallId{call}, action}, answers_); }

  TemporaryFolder folder_;
  WatchfulEngine engine_;
  std::vector<port::HypervisorEvent> heard_;
  test::FolderHypervisor hypervisor_{folder_ / "vms", [this](auto e) { heard_.push_back(std::move(e)); }};
  std::vector<port::AgentDone> agents_;
  test::ObedientFence fence_{[this](auto e) { agents_.push_back(std::move(e)); }};
  OwnCalls own_;
  std::vector<std::string> said_;
  std::string died_;
  std::vector<std::string> published_;
  std::vector<port::StorageLooked> looked_;
  std::vector<CallId> restarts_;
  std::vector<std::string> dead_links_;
  test::HealthyStorage storage_{[this](auto e) { looked_.push_back(std::move(e)); }};
  Hands hands_{
      Edges{engine_, hypervisor_, fence_, storage_, folder_.path(), [](auto, bool, const auto&) { return true; },
            [this](const Protected& wanted) -> tl::expected<void, std::string> {
              published_ = wanted.uuids;
              return {};
            },
            [this](bool, const std::string& line) { said_.push_back(line); },
            [this](const auto&) { return dead_links_; }, [this](CallId call, Duration) { restarts_.push_back(call); },
            [] {}, [this](const std::string& why) { died_ = why; }},
      own_, "prod"};
  std::deque<Event> answers_;
  std::shared_ptr<const Spec> spec_;
};

// Remembers what it was asked.
class RememberingGuests final : public port::Guests {
 public:
  void check(std::uint64_t, const std::string&, const GuestCheck&) override {}
  void treat(CallId call, const std::string& uuid, const std::vector<GuestCommand>& commands, Duration) override {
    treated.push_back(call);
    whom = uuid;
    what = commands;
  }
  std::vector<CallId> treated;
  std::string whom;
  std::vector<GuestCommand> what;
};

TEST_F(HandsTest, TreatsAGuestByTheUuidOfItsDomain) {
  RememberingGuests guests;
  std::vector<AttendGuest> attended;
  Edges edges = hands_.edges();
  edges.guests = &guests;
  edges.attend = [&](const AttendGuest& order) { attended.push_back(order); };
  Hands hands(std::move(edges), own_, "prod");
  hands.know(spec_);
  hands.perform({CallId{5}, TreatGuest{ResourceName("web1"), {{"mend", "-f"}}, false, 1s}}, answers_);
  EXPECT_EQ(guests.treated, std::vector{CallId{5}});
  EXPECT_EQ(guests.whom, uuid_of(1));
  EXPECT_EQ(guests.what, (std::vector<GuestCommand>{{"mend", "-f"}}));
  hands.perform({CallId{}, AttendGuest{ResourceName("web1"), 3, Attendance::full}}, answers_);
  ASSERT_EQ(attended.size(), 1u);
  EXPECT_EQ(attended[0].life, 3u);
  EXPECT_TRUE(answers_.empty());
}

TEST_F(HandsTest, AnswersWhereNothingCanBeRunInGuests) {
  perform(TreatGuest{ResourceName("web1"), {{"mend"}}, false, 1s}, 6);
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(std::get<CallDone>(answers_[0]).result, CallResult::unknown);
}

TEST_F(HandsTest, HandsTheRestartOfLibvirtsServiceToWhoeverCan) {
  perform(RestartHypervisor{1s}, 7);
  EXPECT_EQ(restarts_, std::vector{CallId{7}});
  ASSERT_FALSE(said_.empty());
}

TEST_F(HandsTest, ANoteOfReleaseLiesThereBeforeTheReleaseIsSent) {
  std::string note_then;
  engine_.on_commit = [&] { note_then = test::read_text(folder_ / "released/web1"); };
  perform(NoteRelease{ResourceName("web1"), {7}});
  perform(Commit{"run", {}, {{"run/web1", std::nullopt, {}}}, 1s}, 1);
  EXPECT_EQ(note_then, "7\n");
  EXPECT_EQ(engine_.commits.size(), 1u);
}

TEST_F(HandsTest, ANoteThatCannotBeWrittenIsFatal) {
  std::filesystem::remove_all(folder_ / "released");
  perform(NoteRelease{ResourceName("web1"), {7}});
  EXPECT_NE(died_.find("released/web1"), std::string::npos) << died_;
}

TEST_F(HandsTest, ACommitBecomesOneTransactionWithWholeKeys) {
  const ClaimRecord claim{HostName("h1"), Incarnation(std::string(32, 'a')), {3}, ClaimOrder::run, {}, {}};
  perform(Commit{"claims",
                 {{"leader", {5}}, {"claim/web1", {}}},
                 {{"claim/web1", claim, {9}}, {"run/web1", std::nullopt, {}}},
                 1s},
          4);
  ASSERT_EQ(engine_.commits.size(), 1u);
  const auto& [call, transaction] = engine_.commits[0];
  EXPECT_EQ(call, CallId{4});
  ASSERT_EQ(transaction.compares.size(), 2u);
  EXPECT_EQ(transaction.compares[0].key, "/haven/prod/leader");
  EXPECT_EQ(transaction.compares[0].mod, Revision{5});
  EXPECT_EQ(transaction.compares[1].mod, Revision{0});
  const auto& put = std::get<port::Put>(transaction.operations[0]);
  EXPECT_EQ(put.key, "/haven/prod/claim/web1");
  EXPECT_EQ(codec::decode("claim/web1", put.value), std::optional<Record>(claim));
  EXPECT_EQ(put.lease, LeaseId{9});
  EXPECT_EQ(std::get<port::Delete>(transaction.operations[1]).key, "/haven/prod/run/web1");
}

TEST_F(HandsTest, AnswersBearTheIdOfTheirCall) {
  const auto done = hands_.translate(port::EngineEvent(port::TransactionDone{{11}, port::Outcome::conflict, {8}, "x"}));
  EXPECT_EQ(std::get<CommitDone>(*done).call, CallId{11});
  EXPECT_EQ(std::get<CommitDone>(*done).outcome, CommitOutcome::conflict);
  const auto called = hands_.translate(port::HypervisorEvent(port::CallDone{{12}, port::CallResult::unknown, ""}));
  EXPECT_EQ(std::get<CallDone>(*called).call, CallId{12});
  EXPECT_EQ(std::get<CallDone>(*called).result, CallResult::unknown);
  const auto agent = hands_.translate(port::AgentDone{{13}, port::AgentAnswer::is_off, ""});
  EXPECT_EQ(std::get<AgentDone>(agent).call, CallId{13});
  EXPECT_EQ(std::get<AgentDone>(agent).result, AgentResult::is_off);
}

TEST_F(HandsTest, ADecisionIsLoggedOnceItHolds) {
  JournalRecord journal;
  journal.kind = JournalKind::recover;
  journal.resource = ResourceName("web1");
  journal.why = "its host is dead";
  perform(Commit{"claims", {}, {{"journal/1", journal, {}}}, 1s}, 1);
  perform(Commit{"claims", {}, {{"journal/2", journal, {}}}, 1s}, 2);
  EXPECT_TRUE(said_.empty());
  (void)hands_.translate(port::EngineEvent(port::TransactionDone{{1}, port::Outcome::conflict, {}, ""}));
  EXPECT_TRUE(said_.empty());
  (void)hands_.translate(port::EngineEvent(port::TransactionDone{{2}, port::Outcome::committed, {}, ""}));
  EXPECT_EQ(said_, (std::vector<std::string>{"recover web1: its host is dead"}));
}

TEST_F(HandsTest, StartsTheDomainThatTheSpecNames) {
  perform(StartDomain{ResourceName("web1"), {1}, 1s}, 5);
  EXPECT_EQ(test::read_text(folder_ / "vms/starts"), uuid_of(1) + "\n");
  perform(StartDomain{ResourceName("nobody"), {1}, 1s}, 6);
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(std::get<CallDone>(answers_[0]).call, CallId{6});
  EXPECT_EQ(std::get<CallDone>(answers_[0]).result, CallResult::failed);
}

TEST_F(HandsTest, StartsItWithoutLinksAndPutsThemUp) {
  auto spec = std::make_shared<Spec>(*spec_);
  std::string& xml = spec->resources[0].xml;
  xml.insert(xml.find("</devices>"), "<interface type='bridge'><source bridge='br0'/></interface>");
  hands_.know(spec);
  perform(StartDomain{ResourceName("web1"), {1}, 1s, true}, 5);
  EXPECT_TRUE(hypervisor_.unlinked.contains(uuid_of(1)));
  perform(SetLinks{ResourceName("web1"), true, 1s}, 6);
  EXPECT_TRUE(hypervisor_.unlinked.empty());
  perform(SetLinks{ResourceName("nobody"), true, 1s}, 7);
  ASSERT_FALSE(answers_.empty());
  EXPECT_EQ(std::get<CallDone>(answers_.back()).result, CallResult::failed);
}

TEST_F(HandsTest, SendsADomainToTheAddressOfTheHostInTheFile) {
  perform(MigrateDomain{ResourceName("web1"), HostName("h1"), {2}, 1s}, 5);
  EXPECT_EQ(hypervisor_.sent, (std::vector{std::pair{uuid_of(1), std::string("10.0.0.1")}}));
  perform(MigrateDomain{ResourceName("web1"), HostName("h9"), {2}, 1s}, 6);
  EXPECT_EQ(hypervisor_.sent.size(), 1U);
  ASSERT_FALSE(answers_.empty());
  EXPECT_EQ(std::get<CallDone>(answers_.back()).call, CallId{6});
  EXPECT_EQ(std::get<CallDone>(answers_.back()).result, CallResult::failed);
}

TEST_F(HandsTest, SeesOnlyWhatTheSpecNamesAndContainersByTheirName) {
  port::Inspected seen{.call = {3}, .reached = true, .domains = {}, .processes = {}};
  seen.domains = {{uuid_of(1), "web1", port::Driver::qemu, port::DomainState::paused_io_error},
                  {uuid_of(5), "stranger", port::Driver::qemu, port::DomainState::running}};
  seen.processes = {{uuid_of(1), "", 10}, {"", "box-domain", 11}, {"", "web1", 12}, {uuid_of(1), "", 13}};
  perform(Inspect{1s}, 3);
  EXPECT_FALSE(hands_.translate(port::HypervisorEvent(seen)).has_value()) << "the storage has not answered yet";
  const auto event = hands_.translate(looked_.back());
  ASSERT_TRUE(event.has_value());
  const auto& inspected = std::get<Inspected>(*event);
  ASSERT_EQ(inspected.domains.size(), 1u);
  EXPECT_EQ(inspected.domains[0].resource, ResourceName("web1"));
  EXPECT_EQ(inspected.domains[0].condition, DomainCondition::paused_io_error);
  EXPECT_EQ(inspected.processes, (std::vector<ResourceName>{ResourceName("box"), ResourceName("web1")}));
}

TEST_F(HandsTest, AnInspectionSaysWhoseDisksCannotBeRead) {
  auto spec = std::make_shared<Spec>(*spec_);
  spec->resources[0].xml = test::domain_xml(1, "/disks/web1.raw");
  hands_.know(spec);
  storage_.broken = {"/disks/web1.raw", "/disks/other.raw"};
  perform(Inspect{1s}, 3);
  EXPECT_FALSE(hands_.translate(looked_.back()).has_value()) << "libvirt has not answered yet";
  const auto event = hands_.translate(
      port::HypervisorEvent(port::Inspected{.call = {3}, .reached = true, .domains = {}, .processes = {}}));
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(std::get<Inspected>(*event).storage_lost, std::vector{ResourceName("web1")});
}

TEST_F(HandsTest, RunsTheFenceDeviceOfThatPlaceInTheSpec) {
  perform(RunAgent{HostName("h1"), {}, 1, AgentVerb::off, 0, 1s}, 8);
  EXPECT_EQ(fence_.runs, (std::vector<std::pair<std::string, port::FenceVerb>>{{"fence_b", port::FenceVerb::off}}));
  perform(RunAgent{HostName("h1"), {}, 2, AgentVerb::off, 0, 1s}, 9);
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(std::get<AgentDone>(answers_[0]).result, AgentResult::failed);
  perform(KillAgent{CallId{8}});
  EXPECT_EQ(fence_.cancelled, (std::vector<CallId>{{8}}));
}

TEST_F(HandsTest, PublishesTheUuidsOfWhatIsProtected) {
  perform(PublishProtected{{ResourceName("web1"), ResourceName("box"), ResourceName("gone")}});
  EXPECT_EQ(published_, (std::vector<std::string>{uuid_of(1), uuid_of(2)}));
}

TEST_F(HandsTest, ANoteOfAPromiseLiesThereBeforeThePromiseIsSent) {
  std::optional<NotePromise> note_then;
  engine_.on_commit = [&] { note_then = *noted_promise(folder_.path()); };
  const NotePromise note{30s, Instant{Duration(1234567)}};
  perform(note);
  perform(Commit{"promise", {}, {{"promise/h1", std::nullopt, {}}}, 1s}, 1);
  EXPECT_EQ(note_then, note);
}

TEST_F(HandsTest, AMemberIsReadByItsWholeKeyAndTheAnswerSaysWhichBoot) {
  perform(ReadMember{HostName("h1"), 1s}, 5);
  EXPECT_EQ(engine_.reads, std::vector<std::string>{"/haven/prod/member/h1"});
  const auto told = [&](const port::ReadDone& done) {
    return std::get<MemberRead>(*hands_.translate(port::EngineEvent(done)));
  };
  MemberRecord member;
  member.incarnation = Incarnation(std::string(32, 'a'));
  const auto found = told({CallId{5}, true, port::KeyValue{"k", codec::encode(member), {7}, {6}, {}}, 3});
  EXPECT_EQ(found.found, member.incarnation);
  EXPECT_EQ(found.mod, Revision{7});
  EXPECT_EQ(found.term, 3u);
  EXPECT_EQ(told({CallId{5}, true, std::nullopt, 3}).found, std::nullopt);
  EXPECT_TRUE(told({CallId{5}, true, std::nullopt, 3}).reached);
  EXPECT_FALSE(told({CallId{5}, false, std::nullopt, 0}).reached);
  EXPECT_FALSE(told({CallId{5}, true, port::KeyValue{"k", "nonsense", {7}, {6}, {}}, 3}).reached)
      << "neither here nor gone";
}

TEST_F(HandsTest, WithoutAWatchdogNoneIsArmed) {
  perform(ArmWatchdog{5s, false, 5s}, 6);
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_EQ(std::get<WatchdogArmed>(answers_[0]).call, CallId{6});
  EXPECT_FALSE(std::get<WatchdogArmed>(answers_[0]).armed);
}

TEST_F(HandsTest, AnOperatorIsAnsweredOnce) {
  int answers = 0;
  EXPECT_TRUE(hands_.expect_answer({1}, [&](const AnswerOperator& a) { answers += a.ok ? 1 : 100; }));
  perform(AnswerOperator{{1}, true, "done"});
  perform(AnswerOperator{{1}, true, "done"});
  EXPECT_EQ(answers, 1);
  for (std::uint64_t i = 0; i < Hands::kMaxQuestions; ++i) EXPECT_TRUE(hands_.expect_answer({i}, [](auto&&...) {}));
  EXPECT_FALSE(hands_.expect_answer({99}, [](auto&&...) {}));
}

TEST_F(HandsTest, WhatIsUnreadableLeavesTheLastSpecInForce) {
  hands_.know(nullptr);
  EXPECT_NE(hands_.domains().of_uuid(uuid_of(1)), nullptr);
}

}  // namespace
}  // namespace haven::daemon
