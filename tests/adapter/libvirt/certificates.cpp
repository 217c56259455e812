#include "adapter/libvirt/certificates.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <vector>

namespace haven::testing {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPki = "/etc/pki";

bool openssl(const std::vector<std::string>& words) {
  std::vector<char*> arguments{const_cast<char*>("openssl")};
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, "/usr/bin/openssl", &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  int status = 0;
  return failed == 0 && ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path);
  file << text;
  return static_cast<bool>(file.flush());
}

// Nothing of the machine's own openssl.cnf: it would make an authority of each.
std::string request(const std::string& name, const std::string& extensions) {
  return "[req]\nprompt = no\ndistinguished_name = dn\nx509_extensions = ext\n[dn]\nCN = " + name + "\n[ext]\n" +
         extensions;
}

std::vector<std::string> self_signed(const std::string& config, const std::string& key, const std::string& out) {
  return {"req",    "-x509", "-newkey", "ec",      "-pkeyopt", "ec_paramgen_curve:prime256v1",
          "-nodes", "-days", "2",       "-config", config,     "-keyout",
          key,      "-out",  out};
}

bool write_part(const Part& part, const fs::path& authority, const std::vector<fs::path>& certificates,
                const std::vector<fs::path>& keys) {
  bool well = write_file(authority, part.authority);
  for (const auto& path : certificates) well = well && write_file(path, part.own.certificate);
  for (const auto& path : keys) well = well && write_file(path, part.own.key);
  return well;
}

// /etc with a folder more, that nobody outside sees; what is mounted below it comes along.
bool make_etc_private() {
  if (fs::exists(kPki)) return true;
  const fs::path aside = "/run/etc-of-the-test";
  for (const char* folder : {"upper/pki", "work", "libvirt"}) fs::create_directories(aside / folder);
  const std::string layers =
      "lowerdir=/etc,upperdir=" + (aside / "upper").string() + ",workdir=" + (aside / "work").string();
  return ::mount("/etc/libvirt", (aside / "libvirt").c_str(), nullptr, MS_BIND, nullptr) == 0 &&
         ::mount("overlay", "/etc", "overlay", 0, layers.c_str()) == 0 &&
         ::mount((aside / "libvirt").c_str(), "/etc/libvirt", nullptr, MS_BIND, nullptr) == 0;
}

}  // namespace

Authority::Authority(const std::string& name) : name_(name) {
  std::string pattern = (fs::temp_directory_path() / "haven-authority-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = pattern;
  const std::string extensions =
      "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n";
  if (!write_file(folder_ / "ca.cnf", request(name_, extensions)) ||
      !openssl(self_signed(folder_ / "ca.cnf", folder_ / "ca.key", folder_ / "ca.pem")))
    throw std::runtime_error("openssl makes no authority");
}

Authority::~Authority() {
  std::error_code error;
  fs::remove_all(folder_, error);
}

std::string Authority::certificate() const { return text_of(folder_ / "ca.pem"); }

Authority::Issued Authority::issue(const std::string& host, const std::string& address) const {
  const fs::path config = folder_ / (host + ".cnf"), key = folder_ / (host + ".key"), out = folder_ / (host + ".pem");
  const std::string extensions =
      "basicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature, keyEncipherment\n"
      "extendedKeyUsage = serverAuth, clientAuth\nsubjectAltName = DNS:" +
      host + ", IP:" + address + "\n";
  auto words = self_signed(config, key, out);
  for (const char* word : {"-CA", "-CAkey"}) {
    words.emplace_back(word);
    words.push_back((folder_ / (std::string(word) == "-CA" ? "ca.pem" : "ca.key")).string());
  }
  if (!write_file(config, request(host, extensions)) || !openssl(words))
    throw std::runtime_error("openssl makes no certificate");
  return {text_of(out), text_of(key)};
}

bool cover_pki(const Pki& pki) {
  if (::mount("tmpfs", kPki, "tmpfs", 0, "mode=755") != 0) return false;
  const fs::path root = kPki;
  bool well = true;
  if (pki.libvirt)
    well = write_part(*pki.libvirt, root / "CA/cacert.pem",
                      {root / "libvirt/servercert.pem", root / "libvirt/clientcert.pem"},
                      {root / "libvirt/private/serverkey.pem", root / "libvirt/private/clientkey.pem"});
  if (pki.qemu)
    well = well && write_part(*pki.qemu, root / "qemu/ca-cert.pem",
                              {root / "qemu/server-cert.pem", root / "qemu/client-cert.pem"},
                              {root / "qemu/server-key.pem", root / "qemu/client-key.pem"});
  return well;
}

PrivatePki::PrivatePki(const Pki& pki) {
  EXPECT_TRUE(make_etc_private()) << "/etc cannot be covered";
  EXPECT_TRUE(cover_pki(pki));
}

PrivatePki::~PrivatePki() { ::umount2(kPki, MNT_DETACH); }

}  // namespace haven::testing
