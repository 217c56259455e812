// A folder of fake agents that ends with its test. A fake is a shell program that the test writes; every one answers
// `metadata` by itself, and finds the lines it was given in $input, the values of its options in $action, $plug,
// $password.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace haven::test {

inline constexpr const char* kReadInput = R"sh(input=$(cat)
value() { printf '%s\n' "$input" | sed -n "s/^$1=//p"; }
action=$(value action) plug=$(value plug) password=$(value password)
if [ "$action" = metadata ]; then
  echo asked >> "$here/metadata.log"
  cat <<'END'
<?xml version="1.0" ?>
<resource-agent name="fence_fake" shortdesc="a fake">
<parameters>
<parameter name="action" unique="0" required="1"><content type="string" default="reboot"/></parameter>
<parameter name="ip" unique="0" required="0" obsoletes="ipaddr"><content type="string"/></parameter>
<parameter name="ipaddr" unique="0" required="0" deprecated="1"><content type="string"/></parameter>
<parameter name="plug" unique="0" required="1" obsoletes="port"><content type="string"/></parameter>
<parameter name="port" unique="0" required="1" deprecated="1"><content type="string"/></parameter>
<parameter name="password" unique="0" required="0" obsoletes="passwd"><content type="string"/></parameter>
<parameter name="passwd" unique="0" required="0" deprecated="1"><content type="string"/></parameter>
<parameter name="identity_file" unique="0" required="0"><content type="string"/></parameter>
<parameter name="power_wait" unique="0" required="1"><content type="second" default="0"/></parameter>
</parameters>
<actions><action name="on"/><action name="off"/><action name="status"/><action name="metadata"/></actions>
</resource-agent>
END
  exit 0
fi
)sh";

class AgentFolder {
 public:
  AgentFolder() {
    std::string name = testing::TempDir() + "haven-fence-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
    path_ = name;
  }
  AgentFolder(const AgentFolder&) = delete;
  AgentFolder& operator=(const AgentFolder&) = delete;
  ~AgentFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

  void write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    std::ofstream(file(name)) << text;
    ::chmod(file(name).c_str(), mode);
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(file(name)).rdbuf();
    return text.str();
  }

  // `body` runs for every verb but metadata; $here is this folder.
  void agent(const std::string& name, const std::string& body) const {
    write(name, "#!/bin/sh\nhere='" + path_ + "'\n" + kReadInput + body + "\n", 0700);
  }

 private:
  std::string path_;
};

}  // namespace haven::test
