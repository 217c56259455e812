// The hook under a real libvirtd, for QEMU and LXC: what an operator at virsh meets (PROTOCOL C5).
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/libvirt.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <mutex>

#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/private_libvirtd.hpp"
#include "hook/paths.hpp"
#include "hook/protected_list.hpp"
#include "hook/server.hpp"

namespace haven::testing {
namespace {

using ::testing::HasSubstr;
const std::string kUuid = "bbbbbbbb-0000-4000-8000-000000000001";

struct Ended {
  int code = -1;
  std::string output;  // standard output and error
};

Ended run(const std::vector<std::string>& command, const std::string& input = "/dev/null") {
  const std::string output = "/run/output";
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, input.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  std::vector<char*> arguments;
  for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = -1;
  int status = -1;
  EXPECT_EQ(::posix_spawnp(&pid, arguments[0], &files, nullptr, arguments.data(), environ), 0);
  posix_spawn_file_actions_destroy(&files);
  ::waitpid(pid, &status, 0);
  std::ifstream text(output);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, {std::istreambuf_iterator<char>(text), {}}};
}

class LibvirtHook : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::ofstream("/run/domain.xml") << (GetParam() == "Qemu" ? qemu_domain(kUuid, "web1") : lxc_domain(kUuid, "web1"));
    std::filesystem::remove(hook::kProtectedThisBoot);
    std::filesystem::remove(hook::kProtectedForGood);
    install_libvirt_hook(HAVEN_HOOK_PROGRAM);
    libvirtd.emplace();
  }
  Ended virsh(const std::string& verb, const std::string& what) {
    return run({"virsh", "-c", GetParam() == "Qemu" ? "qemu:///system" : "lxc:///system", verb, what});
  }
  bool runs() { return virsh("domstate", "web1").output.starts_with("running"); }
  void protect(const char* path) { ASSERT_TRUE(hook::write_protected(path, {kUuid})); }

  // A havend that answers every question in this way, and remembers them.
  void serve(bool allow, const std::string& reason) {
    auto made = hook::HookServer::listen(hook::kSocket, [this, allow, reason](const hook::HookRequest& request) {
      const std::lock_guard lock(mutex);
      questions.push_back(request.question);
      EXPECT_TRUE(havend->answer(request.id, allow, reason));
    });
    ASSERT_TRUE(made) << made.error();
    const std::lock_guard lock(mutex);
    havend = std::move(*made);
  }

  std::optional<PrivateLibvirtd> libvirtd;
  std::mutex mutex;
  std::vector<hook::Question> questions;
  std::unique_ptr<hook::HookServer> havend;
};

TEST_P(LibvirtHook, RefusesWhatHavendRefusesAndTellsItsReason) {
  serve(false, "it runs on h2");
  const auto created = virsh("create", "/run/domain.xml");
  EXPECT_EQ(created.code, 1);
  EXPECT_THAT(created.output, HasSubstr("haven: web1 is not started: it runs on h2"));
  EXPECT_EQ(virsh("define", "/run/domain.xml").code, 0);
  const auto started = virsh("start", "web1");
  EXPECT_EQ(started.code, 1);
  EXPECT_THAT(started.output, HasSubstr("it runs on h2"));
  EXPECT_FALSE(runs());
}

TEST_P(LibvirtHook, StartsWhatHavendAllows) {
  protect(hook::kProtectedThisBoot);
  serve(true, "");
  const auto created = virsh("create", "/run/domain.xml");
  EXPECT_EQ(created.code, 0) << created.output;
  EXPECT_TRUE(runs());
  const std::lock_guard lock(mutex);
  // It has no network interface, so that none of them is up.
  EXPECT_THAT(questions, ::testing::ElementsAre(hook::Question{kUuid, hook::Op::prepare, true},
                                                hook::Question{kUuid, hook::Op::start, true}));
}

TEST_P(LibvirtHook, SaysWhetherItStartsWithItsNetworkLinks) {
  if (GetParam() != "Qemu") return;  // a container's links are never kept down
  serve(true, "");
  for (const bool unlinked : {true, false}) {
    std::string xml = qemu_domain(kUuid, "web1");
    const std::string link = unlinked ? "<link state='down'/>" : "";
    xml.insert(xml.find("</devices>"), "<interface type='user'>" + link + "<model type='virtio'/></interface>");
    std::ofstream("/run/linked.xml") << xml;
    const auto created = virsh("create", "/run/linked.xml");
    EXPECT_EQ(created.code, 0) << created.output;
    EXPECT_EQ(virsh("destroy", "web1").code, 0);
    const std::lock_guard lock(mutex);
    EXPECT_THAT(questions, ::testing::ElementsAre(hook::Question{kUuid, hook::Op::prepare, unlinked},
                                                  hook::Question{kUuid, hook::Op::start, unlinked}));
    questions.clear();
  }
}

TEST_P(LibvirtHook, WithoutHavendTheListsDecide) {
  for (const char* list : {hook::kProtectedThisBoot, hook::kProtectedForGood}) {
    protect(list);
    const auto refused = virsh("create", "/run/domain.xml");
    EXPECT_EQ(refused.code, 1) << list;
    EXPECT_THAT(refused.output, HasSubstr("havend does not answer"));
    EXPECT_FALSE(runs());
    std::filesystem::remove(list);
  }
  ASSERT_TRUE(hook::write_protected(hook::kProtectedForGood, {"bbbbbbbb-0000-4000-8000-00000000ffff"}));
  EXPECT_EQ(virsh("create", "/run/domain.xml").code, 0);
  EXPECT_TRUE(runs());
}

TEST_P(LibvirtHook, ARestartOfLibvirtdKillsNothing) {
  EXPECT_EQ(virsh("create", "/run/domain.xml").code, 0);
  protect(hook::kProtectedThisBoot);
  libvirtd->kill();
  libvirtd->start();
  EXPECT_TRUE(runs()) << "the hook is asked at a reconnect too, and must not refuse it";
  const auto destroyed = virsh("destroy", "web1");
  EXPECT_EQ(destroyed.code, 0) << destroyed.output;
}

INSTANTIATE_TEST_SUITE_P(Every, LibvirtHook, ::testing::Values("Qemu", "Lxc"),
                         [](const auto& info) { return info.param; });

TEST(HookProgram, RefusesAnIncomingMigrationOfAProtectedDomain) {
  std::ofstream("/run/domain.xml") << qemu_domain(kUuid, "web1");
  ASSERT_TRUE(hook::write_protected(hook::kProtectedThisBoot, {kUuid}));
  const auto refused = run({HAVEN_HOOK_PROGRAM, "web1", "migrate", "begin", "-"}, "/run/domain.xml");
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.output, HasSubstr("migration"));
  std::filesystem::remove(hook::kProtectedThisBoot);
  const auto allowed = run({HAVEN_HOOK_PROGRAM, "web1", "migrate", "begin", "-"}, "/run/domain.xml");
  EXPECT_EQ(allowed.code, 0);
  EXPECT_EQ(allowed.output, "") << "printed XML would replace the domain's";
}

TEST(HookProgram, LetsOtherOperationsThroughUnasked) {
  ASSERT_TRUE(hook::write_protected(hook::kProtectedThisBoot, {kUuid}));
  for (const char* op : {"started", "stopped", "release", "reconnect", "attach"})
    EXPECT_EQ(run({HAVEN_HOOK_PROGRAM, "web1", op, "begin", "-"}, "/dev/null").code, 0) << op;
  EXPECT_EQ(run({HAVEN_HOOK_PROGRAM, "web1", "start", "begin", "-"}, "/dev/null").code, 1) << "XML that cannot be read";
  std::filesystem::remove(hook::kProtectedThisBoot);
  EXPECT_EQ(run({HAVEN_HOOK_PROGRAM, "web1", "start", "begin", "-"}, "/dev/null").code, 0)
      << "nothing is protected here";
  EXPECT_EQ(run({HAVEN_HOOK_PROGRAM}).code, 2);
}

}  // namespace
}  // namespace haven::testing

int main(int argc, char** argv) { return haven::testing::run_in_private_host(argc, argv); }
