// What every port::FenceDevice does, whoever stands behind it. A Rig has one device with a power of its own:
//   Answers answers; port::FenceDevice& device(); port::FenceDeviceConfig config();
//   void set_mode(Mode); bool is_on();
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "adapter/fence_agent/answers.hpp"

namespace haven::test {

enum class Mode { working, broken, hanging, lying };

template <class Rig>
class FenceDeviceContract : public testing::Test {
 protected:
  port::AgentDone ask(port::FenceVerb verb, Duration timeout = 5s) {
    const CallId call = next();
    rig.device().run(call, rig.config(), verb, timeout);
    return rig.answers.wait(call);
  }
  CallId next() { return {++last_call_}; }

  Rig rig;

 private:
  std::uint64_t last_call_ = 0;
};

TYPED_TEST_SUITE_P(FenceDeviceContract);

using port::AgentAnswer;
using port::FenceVerb;

TYPED_TEST_P(FenceDeviceContract, SwitchesOffAndOnAndTellsWhichItIs) {
  EXPECT_EQ(this->ask(FenceVerb::status).answer, AgentAnswer::is_on);
  EXPECT_EQ(this->ask(FenceVerb::off).answer, AgentAnswer::done);
  EXPECT_FALSE(this->rig.is_on());
  EXPECT_EQ(this->ask(FenceVerb::status).answer, AgentAnswer::is_off);
  EXPECT_EQ(this->ask(FenceVerb::off).answer, AgentAnswer::done) << "off again is fine";
  EXPECT_EQ(this->ask(FenceVerb::on).answer, AgentAnswer::done);
  EXPECT_TRUE(this->rig.is_on());
  EXPECT_EQ(this->ask(FenceVerb::status).answer, AgentAnswer::is_on);
}

TYPED_TEST_P(FenceDeviceContract, ABrokenDeviceFailsAndSwitchesNothing) {
  this->rig.set_mode(Mode::broken);
  for (const FenceVerb verb : {FenceVerb::status, FenceVerb::off, FenceVerb::on}) {
    const port::AgentDone done = this->ask(verb);
    EXPECT_EQ(done.answer, AgentAnswer::failed);
    EXPECT_FALSE(done.message.empty());
  }
  EXPECT_TRUE(this->rig.is_on());
}

TYPED_TEST_P(FenceDeviceContract, AHangingDeviceIsAnsweredForAtItsTimeout) {
  this->rig.set_mode(Mode::hanging);
  for (const FenceVerb verb : {FenceVerb::status, FenceVerb::off}) {
    const Stopwatch stopwatch;
    EXPECT_EQ(this->ask(verb, 700ms).answer, AgentAnswer::timed_out);
    EXPECT_GE(stopwatch.passed(), Duration(650ms));
    EXPECT_LE(stopwatch.passed(), Duration(3s));
  }
  EXPECT_TRUE(this->rig.is_on());
}

TYPED_TEST_P(FenceDeviceContract, ALyingDeviceIsFoundOutByItsStatus) {
  this->rig.set_mode(Mode::lying);
  EXPECT_EQ(this->ask(FenceVerb::off).answer, AgentAnswer::done);
  EXPECT_EQ(this->ask(FenceVerb::status).answer, AgentAnswer::is_on);
}

TYPED_TEST_P(FenceDeviceContract, CancelKillsAndIsAnsweredOnce) {
  this->rig.set_mode(Mode::hanging);
  const CallId call = this->next();
  const Stopwatch stopwatch;
  this->rig.device().run(call, this->rig.config(), FenceVerb::off, 30s);
  this->rig.device().cancel(call);
  this->rig.device().cancel(call);
  EXPECT_EQ(this->rig.answers.wait(call).answer, AgentAnswer::killed);
  EXPECT_LE(stopwatch.passed(), Duration(5s));
  this->rig.set_mode(Mode::working);
  EXPECT_EQ(this->ask(FenceVerb::status).answer, AgentAnswer::is_on);
  EXPECT_EQ(this->rig.answers.count(call), 1U);
}

TYPED_TEST_P(FenceDeviceContract, CancelOfWhatIsOverOrUnknownChangesNothing) {
  this->rig.device().cancel(CallId{999});
  const CallId call = this->next();
  this->rig.device().run(call, this->rig.config(), FenceVerb::status, 5s);
  EXPECT_EQ(this->rig.answers.wait(call).answer, AgentAnswer::is_on);
  this->rig.device().cancel(call);
  EXPECT_EQ(this->ask(FenceVerb::status).answer, AgentAnswer::is_on);
  EXPECT_EQ(this->rig.answers.count(call), 1U);
  EXPECT_EQ(this->rig.answers.count(CallId{999}), 0U);
}

TYPED_TEST_P(FenceDeviceContract, ManyCallsAtOnceAreAnsweredOnceEach) {
  std::vector<CallId> calls;
  for (int i = 0; i < 40; ++i) {
    calls.push_back(this->next());
    this->rig.device().run(calls.back(), this->rig.config(), FenceVerb::status, 20s);
  }
  for (const CallId call : calls) EXPECT_EQ(this->rig.answers.wait(call, 20s).answer, AgentAnswer::is_on);
  for (const CallId call : calls) EXPECT_EQ(this->rig.answers.count(call), 1U);
}

TYPED_TEST_P(FenceDeviceContract, AGoodConfigurationIsValid) {
  EXPECT_EQ(this->rig.device().validate(this->rig.config(), 5s), std::vector<std::string>{});
}

REGISTER_TYPED_TEST_SUITE_P(FenceDeviceContract, SwitchesOffAndOnAndTellsWhichItIs,
                            ABrokenDeviceFailsAndSwitchesNothing, AHangingDeviceIsAnsweredForAtItsTimeout,
                            ALyingDeviceIsFoundOutByItsStatus, CancelKillsAndIsAnsweredOnce,
                            CancelOfWhatIsOverOrUnknownChangesNothing, ManyCallsAtOnceAreAnsweredOnceEach,
                            AGoodConfigurationIsValid);

}  // namespace haven::test
