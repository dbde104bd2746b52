// SPDX-License-Identifier: MIT
//
// usage: client PORT: sends standard input to the server at 127.0.0.1, and prints what comes back. One
// thread writes, the other reads.
//
//     c++ -std=c++11 client.cc -o client $(pkg-config --cflags --libs mptcpshim) -pthread
#include <arpa/inet.h>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>
#include <mptcpshim/mptcpshim.h>

namespace {

class Connection {
public:
    explicit Connection(int port)
    {
        sockaddr_in at = sockaddr_in();

        at.sin_family = AF_INET;
        at.sin_port = htons(static_cast<in_port_t>(port));
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fd_ = mptcpshim_connect(reinterpret_cast<sockaddr *>(&at), sizeof(at), SOCK_CLOEXEC, nullptr);
        if (fd_ < 0)
            throw std::runtime_error(mptcpshim_strerror(errno));
    }
    ~Connection() { close(fd_); }
    Connection(const Connection &) = delete;
    Connection &operator=(const Connection &) = delete;

    int fd() const { return fd_; }
    bool multipath() const { return mptcpshim_is_multipath(fd_) == 1; }

private:
    int fd_;
};

void copy(int from, int to)
{
    std::vector<char> buf(65536);
    ssize_t n;

    while ((n = read(from, buf.data(), buf.size())) > 0) {
        for (ssize_t at = 0, done; at < n; at += done) {
            done = write(to, buf.data() + at, static_cast<std::size_t>(n - at));
            if (done < 0)
                throw std::system_error(errno, std::generic_category(), "write");
        }
    }
    if (n < 0)
        throw std::system_error(errno, std::generic_category(), "read");
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::cerr << "usage: client PORT\n";
        return 2;
    }
    try {
        Connection connection(std::atoi(argv[1]));
        std::cerr << (connection.multipath() ? "multipath\n" : "plain TCP\n");
        std::thread writer([&connection] {
            copy(STDIN_FILENO, connection.fd());
            shutdown(connection.fd(), SHUT_WR);
        });
        copy(connection.fd(), STDOUT_FILENO);
        writer.join();
    } catch (const std::exception &e) {
        std::cerr << "client: " << e.what() << "\n";
        return 1;
    }
    return 0;
}
