#include "adapter/engine/certificates.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace haven::test {
namespace {

int openssl(std::vector<std::string> words) {
  words.insert(words.begin(), "openssl");
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    for (auto* stream : {stdin, stdout, stderr})
      if (std::freopen("/dev/null", stream == stdin ? "r" : "w", stream) == nullptr) ::_exit(127);
    ::execvp("openssl", argv.data());
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

}  // namespace

Certificates::Certificates(const Folder& folder, const std::vector<std::string>& addresses, const std::string& name)
    : folder_(folder), name_(name) {
  request(file("pem"), name_, {"-x509", "-days", "2"});
  std::ofstream names(file("names"));
  names << "subjectAltName=";
  for (std::size_t i = 0; i < addresses.size(); ++i) names << (i == 0 ? "IP:" : ",IP:") << addresses[i];
}

void Certificates::request(const std::string& path, const std::string& holder, std::vector<std::string> more) const {
  std::vector<std::string> words{"req",
                                 "-subj",
                                 "/CN=" + holder,
                                 "-newkey",
                                 "ec",
                                 "-pkeyopt",
                                 "ec_paramgen_curve:prime256v1",
                                 "-nodes",
                                 "-keyout",
                                 path.substr(0, path.rfind('.')) + ".key",
                                 "-out",
                                 path};
  words.insert(words.end(), more.begin(), more.end());
  EXPECT_EQ(openssl(std::move(words)), 0);
}

adapter::EtcdTls Certificates::issue(const std::string& holder) const {
  const std::string stem = file(holder);
  request(stem + ".csr", holder, {});
  EXPECT_EQ(openssl({"x509", "-req", "-days", "2", "-in", stem + ".csr", "-CA", ca(), "-CAkey", file("key"),
                     "-CAcreateserial", "-extfile", file("names"), "-out", stem + ".pem"}),
            0);
  return {ca(), stem + ".pem", stem + ".key"};
}

bool shakes_hands(const std::string& at, const adapter::EtcdTls& tls) {
  // TLS 1.3 would tell of a missing certificate only after the client is done.
  std::vector<std::string> words{"s_client", "-tls1_2", "-connect", at, "-CAfile", tls.ca_file, "-verify_return_error"};
  if (!tls.certificate_file.empty()) words.insert(words.end(), {"-cert", tls.certificate_file, "-key", tls.key_file});
  return openssl(std::move(words)) == 0;
}

std::vector<std::string> Certificates::member_options() const {
  const auto own = issue("member");
  return {"--client-cert-auth", "--trusted-ca-file=" + ca(), "--cert-file=" + own.certificate_file,
          "--key-file=" + own.key_file};
}

}  // namespace haven::test
