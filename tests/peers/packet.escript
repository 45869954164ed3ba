#!/usr/bin/env escript
%% Messages over TCP by Erlang's own {packet, 1 | 2 | 4}: u8, u16be and u32be.
%%
%%     packet.escript server BYTES              echoes one client's messages; its first line is the port
%%     packet.escript client HOST PORT BYTES    sends the messages of standard input
%%
%% One message a line, in hexadecimal; both print every message that they receive. BYTES are those of the length.

-mode(compile).

main(["server", Bytes]) ->
    {ok, Listener} = gen_tcp:listen(0, [{ip, loopback} | options(Bytes)]),
    {ok, Port} = inet:port(Listener),
    io:format("~b~n", [Port]),
    {ok, Peer} = gen_tcp:accept(Listener),
    echo(Peer);
main(["client", Host, Port, Bytes]) ->
    Messages = messages(),
    {ok, Peer} = gen_tcp:connect(Host, list_to_integer(Port), options(Bytes)),
    %% Sent while replies are read: who only sends at first waits, in the end, for a server that waits to be read.
    spawn_link(fun() -> [ok = gen_tcp:send(Peer, Message) || Message <- Messages] end),
    [receive_one(Peer) || _ <- Messages].

options(Bytes) -> [binary, {packet, list_to_integer(Bytes)}, {active, false}].

echo(Peer) ->
    case gen_tcp:recv(Peer, 0) of
        {ok, Message} ->
            ok = gen_tcp:send(Peer, Message),
            print(Message),
            echo(Peer);
        {error, closed} ->
            ok
    end.

receive_one(Peer) ->
    {ok, Message} = gen_tcp:recv(Peer, 0),
    print(Message).

print(Message) -> io:put_chars([binary:encode_hex(Message), $\n]).

messages() ->
    ok = io:setopts([binary, {encoding, latin1}]),
    messages([]).

messages(Before) ->
    case io:get_line("") of
        eof -> lists:reverse(Before);
        Line -> messages([binary:decode_hex(string:chomp(Line)) | Before])
    end.
