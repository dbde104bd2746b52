# SPDX-License-Identifier: MIT
"""THE FIRST SUBFLOW and JOINS: the sockets of a host, and who says what first on them."""
import asyncio
import os
import socket

from . import frames, keys, marks, opening
from .connection import Config, Connection
from .keys import CLIENT, SERVER
from .opening import Foreign, Refused
from .reasons import Breach, Reason
from .subflow import Subflow

OPENING_SECONDS = 10
MOST_UNCONFIRMED = 8  # joins of a connection


class Plain(Exception):
    """The other end is plain TCP."""


class Host:
    def __init__(self, config=None):
        self.config = config or Config()
        self.connections = {}  # by token
        self.unconfirmed = {}  # token: writers of joins under way, oldest first
        self.tasks = set()
        self.keep = []  # bytes of the opening messages that went out and came, for tests

    # ---- sockets ----

    async def _dial(self, remote, local, mark):
        sock = socket.socket(socket.AF_INET6 if ":" in remote[0] else socket.AF_INET)
        sock.setblocking(False)
        mark(sock)
        if local:
            sock.bind((local, 0))
        try:
            await asyncio.wait_for(asyncio.get_event_loop().sock_connect(sock, remote),
                                   OPENING_SECONDS)
        except (OSError, asyncio.TimeoutError):
            sock.close()
            raise ConnectionError("no connection to %s" % (remote,)) from None
        return sock

    def _listen(self, address, mark, serve):
        listener = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        mark(listener)
        listener.bind(address)
        listener.listen(64)
        self._run(self._accept(listener, serve))
        return listener.getsockname()

    async def _accept(self, listener, serve):
        while True:
            sock, _ = await asyncio.get_event_loop().sock_accept(listener)
            self._run(self._serve(sock, serve))

    def _run(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, sock, serve):
        """A message that breaks a rule is answered by REFUSE, and the TCP connection ends."""
        try:
            reader, writer = await asyncio.open_connection(sock=sock)
        except OSError:
            return
        try:
            await asyncio.wait_for(serve(sock, reader, writer), OPENING_SECONDS)
            return
        except Breach as breach:
            self._log("refused: %s" % breach)
            if breach.reason not in (Reason.MIDDLEBOX, Reason.BAD_HMAC):
                writer.write(opening.encode(opening.REFUSE, [(opening.REASON, int(breach.reason))]))
        except (Foreign, Refused, OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
            self._log("opening failed: %r" % error)
        writer.close()

    def _log(self, text):
        if self.config.log:
            self.config.log(text)

    # ---- the client of a connection ----

    async def connect(self, remote, local=None, early=b""):
        """A connection that is established; Plain if the peer has not shown the mark, Refused or
        Foreign if it has not answered as a shim."""
        sock = await self._dial(remote, local, marks.mark_connect)
        if not marks.met_listen(sock):
            sock.close()
            raise Plain
        reader, writer = await asyncio.open_connection(sock=sock)
        try:
            return await asyncio.wait_for(self._greet(reader, writer, early), OPENING_SECONDS)
        except BaseException:
            writer.close()
            raise

    async def connect_marked(self, remote, early=b""):
        """The same to a listener that may get its mark only in a moment."""
        for _ in range(20):
            try:
                return await self.connect(remote, early=early)
            except Plain:
                await asyncio.sleep(0.1)
        raise Plain

    async def _greet(self, reader, writer, early):
        config, key, share = self.config, os.urandom(8), keys.Share()
        connection = Connection(self, True, key)
        identity, psk = config.psk or (None, b"")
        hello = opening.encode(opening.HELLO, [
            (opening.KEY, key), (opening.CAPABILITIES, opening.PAYLOAD_MAC * config.full),
            (opening.CREDIT, config.window), (opening.KEY_SHARE, share.public),
            (opening.HMAC_ALGS, bytes(config.algorithms))] +
            ([(opening.PSK_IDENTITY, identity)] if identity else []))
        subflow = Subflow(connection, keys.FIRST_SUBFLOW, reader, writer,
                          send_key=keys.early_key(psk, key, hello))
        connection.address_id(subflow.local[0])
        connection.payload_macs = config.full
        writer.write(hello)
        self._send_early(connection, subflow, early)

        reply = await opening.receive(reader, opening.HELLO_REPLY)
        algorithms = opening.known_algorithms(reply)
        if algorithms[0] not in config.algorithms or len(reply.options[opening.HMAC_ALGS]) != 1:
            raise Breach(Reason.PROTOCOL, "an algorithm that was not offered")
        connection.secrets = self._secrets(algorithms[0], psk, share, reply, key,
                                           reply.options[opening.KEY], hello, reply)
        right = connection.secrets.hello_reply_mac()
        if not keys.same(reply.options[opening.HMAC], right) and "hello-reply" not in config.off:
            raise Breach(Reason.BAD_HMAC, "HELLO_REPLY")
        self.keep += [hello, reply.raw]
        self._establish(connection, subflow, reply)
        return connection

    def _send_early(self, connection, subflow, early):
        """Data right behind HELLO (0-RTT). Its DSS acknowledge nothing."""
        subflow.early = bytearray()
        connection.out.write(early)
        while True:
            frame = connection.next_run(subflow)
            if frame is None:
                break
            subflow.send(frame)

    def _secrets(self, algorithm, psk, share, peers, key_client, key_server, hello, reply):
        try:
            shared = share.meet(peers.options[opening.KEY_SHARE])
        except ValueError:
            raise Breach(Reason.PROTOCOL, "KEY_SHARE") from None
        transcript = hello + reply.without_hmac()
        return keys.Secrets(algorithm, psk, b"" if "key-share" in self.config.off else shared,
                            key_client, key_server,
                            b"" if "transcript" in self.config.off else transcript)

    def _establish(self, connection, subflow, message):
        """message: the HELLO or HELLO_REPLY of the peer."""
        secrets, me = connection.secrets, connection.direction
        connection.peer_token = keys.token(message.options[opening.KEY])
        connection.out.on_credit(message.number(opening.CREDIT))
        connection.payload_macs |= bool(message.number(opening.CAPABILITIES) & opening.PAYLOAD_MAC)
        subflow.opener = frames.Sealer(secrets.frame_key(keys.FIRST_SUBFLOW, CLIENT + SERVER - me))
        subflow.sealer = frames.Sealer(secrets.frame_key(keys.FIRST_SUBFLOW, me))
        if connection.is_client:
            early, subflow.early = bytes(subflow.early), None
            subflow.send(frames.finished(secrets.finished_mac(early)))
        self.connections[connection.token] = connection
        connection.add(subflow)

    # ---- the server of a connection ----

    def listen(self, address, on_connection):
        """Applications' port. on_connection(connection) is called for each one."""
        async def serve(sock, reader, writer):
            if marks.has_join(sock):
                raise Foreign  # closed without a byte
            await self._welcome(reader, writer, on_connection)
        return self._listen(address, marks.mark_listen, serve)

    async def _welcome(self, reader, writer, on_connection):
        config = self.config
        hello = await opening.receive(reader, opening.HELLO)
        known = opening.known_algorithms(hello)
        mine = [number for number in known if number in config.algorithms]
        if not mine:
            raise Breach(Reason.VERSION, "no algorithm in common")
        psk = b""
        if opening.PSK_IDENTITY in hello.options:
            psk = config.psks.get(hello.options[opening.PSK_IDENTITY])
            if psk is None:
                raise Breach(Reason.PROHIBITED, "unknown PSK_IDENTITY")
        elif config.require_psk:
            raise Breach(Reason.PROHIBITED, "no PSK_IDENTITY")
        connection, share = Connection(self, False, os.urandom(8)), keys.Share()
        key_client = hello.options[opening.KEY]

        def encode(mac):
            return opening.encode(opening.HELLO_REPLY, [
                (opening.KEY, connection.key),
                (opening.CAPABILITIES, opening.PAYLOAD_MAC * config.full),
                (opening.CREDIT, config.window), (opening.KEY_SHARE, share.public),
                (opening.HMAC_ALGS, bytes(mine[:1])), (opening.HMAC, mac)])

        reply = opening.parse(encode(bytes(20)))
        connection.secrets = self._secrets(mine[0], psk, share, hello, key_client, connection.key,
                                           hello.raw, reply)
        raw = encode(connection.secrets.hello_reply_mac())
        writer.write(raw)
        self.keep += [hello.raw, raw]
        subflow = Subflow(connection, keys.FIRST_SUBFLOW, reader, writer)
        subflow.early = bytearray()
        subflow.held = bool(hello.number(opening.CAPABILITIES) & opening.HELD)
        subflow.early_opener = frames.Sealer(keys.early_key(psk, key_client, hello.raw))
        connection.address_id(subflow.local[0])
        self._establish(connection, subflow, hello)
        on_connection(connection)

    # ---- joins ----

    async def join(self, connection, remote, local=None, remote_id=0, backup=False):
        """The joining host's side. Returns the subflow."""
        sock = await self._dial(remote, local, marks.mark_join)
        if "agent-mark" not in self.config.off and not marks.met_agent(sock):
            sock.close()
            raise Plain
        marks.open_window(sock)
        reader, writer = await asyncio.open_connection(sock=sock)
        try:
            subflow = await asyncio.wait_for(
                self._join(connection, reader, writer, remote_id, backup), OPENING_SECONDS)
        except BaseException:
            writer.close()
            raise
        connection.add(subflow)
        return subflow

    async def _join(self, connection, reader, writer, remote_id, backup):
        number = connection.next_join_id  # never used twice, failed joins included
        connection.next_join_id += 2
        local_id = connection.address_id(writer.get_extra_info("sockname")[0])
        nonce = os.urandom(16)
        join = opening.encode(opening.JOIN, [
            (opening.TOKEN, connection.peer_token), (opening.SUBFLOW_ID, number),
            (opening.ADDR_ID, local_id), (opening.FLAGS, opening.BACKUP * backup),
            (opening.NONCE, nonce)])
        writer.write(join)
        reply = await opening.receive(reader, opening.JOIN_REPLY)
        me = connection.direction
        hmac_a, hmac_j = connection.secrets.join_macs(me, join + reply.without_hmac())
        if not keys.same(reply.options[opening.HMAC], hmac_a) and "join" not in self.config.off:
            raise Breach(Reason.BAD_HMAC, "JOIN_REPLY")
        confirm = opening.encode(opening.JOIN_CONFIRM, [(opening.HMAC, hmac_j)])
        writer.write(confirm)
        self.keep += [join, reply.raw, confirm]
        return self._joined(connection, number, reader, writer, me, nonce +
                            reply.options[opening.NONCE], local_id, remote_id, reply)

    @staticmethod
    def _joined(connection, number, reader, writer, joiner, nonces, local_id, remote_id, message):
        me, secrets = connection.direction, connection.secrets
        return Subflow(connection, number, reader, writer,
                       send_key=secrets.frame_key(number, me, nonces),
                       receive_key=secrets.frame_key(number, CLIENT + SERVER - me, nonces),
                       local_id=local_id, remote_id=remote_id,
                       backup=bool(message.number(opening.FLAGS) & opening.BACKUP))

    def listen_joins(self, address):
        async def serve(_sock, reader, writer):
            await self._accept_join(reader, writer)
        return self._listen(address, marks.mark_agent, serve)

    async def _accept_join(self, reader, writer):
        join = await opening.receive(reader, opening.JOIN)
        connection = self.connections.get(join.options[opening.TOKEN])
        if connection is None or not connection.secrets:
            raise Breach(Reason.UNKNOWN_TOKEN, "JOIN")
        number = join.number(opening.SUBFLOW_ID)
        self._check_join_id(connection, number)
        under_way = self.unconfirmed.setdefault(connection.token, [])
        if len(under_way) >= MOST_UNCONFIRMED:
            if "displace" in self.config.off:
                raise Breach(Reason.RESOURCES, "too many joins under way")
            under_way.pop(0).transport.abort()
        under_way.append(writer)
        try:
            subflow = await self._answer_join(connection, number, join, reader, writer)
        finally:
            if writer in under_way:
                under_way.remove(writer)
        connection.add(subflow)

    @staticmethod
    def _check_join_id(connection, number):
        joiner_is_client = number % 2 == 0 and number != keys.FIRST_SUBFLOW
        if joiner_is_client == connection.is_client or number in connection.join_ids:
            raise Breach(Reason.PROTOCOL, "SUBFLOW_ID %d" % number)

    async def _answer_join(self, connection, number, join, reader, writer):
        nonce = os.urandom(16)
        local_id = connection.address_id(writer.get_extra_info("sockname")[0])
        joiner = CLIENT + SERVER - connection.direction

        def encode(mac):
            return opening.encode(opening.JOIN_REPLY, [
                (opening.ADDR_ID, local_id), (opening.FLAGS, 0), (opening.NONCE, nonce),
                (opening.HMAC, mac)])

        messages = join.raw + opening.parse(encode(bytes(20))).without_hmac()
        hmac_a, hmac_j = connection.secrets.join_macs(joiner, messages)
        reply = encode(hmac_a)
        writer.write(reply)
        confirm = await opening.receive(reader, opening.JOIN_CONFIRM)
        if not keys.same(confirm.options[opening.HMAC], hmac_j) and "join" not in self.config.off:
            raise Breach(Reason.BAD_HMAC, "JOIN_CONFIRM")
        self._check_join_id(connection, number)  # another one may have come meanwhile
        self.keep += [join.raw, reply, confirm.raw]
        return self._joined(connection, number, reader, writer, joiner,
                            join.options[opening.NONCE] + nonce, local_id,
                            join.number(opening.ADDR_ID), join)
