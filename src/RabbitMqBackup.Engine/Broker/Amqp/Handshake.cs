using System.Buffers;
using System.Text;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>
/// Opens an AMQP connection over a fresh transport.
/// <code>
/// C: protocol header   S: start   C: start-ok   S: tune   C: tune-ok, open   S: open-ok
/// </code>
/// The broker may send close from start-ok on.
/// </summary>
internal sealed class Handshake(ReceiveBuffer input, FrameSender sender, string target)
{
    /// <summary>Frame size before tune: the protocol says 4,096, RabbitMQ's start may be larger.</summary>
    private const int InitialFrameMax = 128 << 10;

    /// <summary>Smallest frame_max that the protocol allows.</summary>
    private const int MinFrameMax = 4096;

    /// <summary>Largest frame that this client takes; RabbitMQ's own default. Also used where the broker sets no limit.</summary>
    private const int MaxFrameMax = 128 << 10;

    /// <summary>Runs it; the caller bounds it in time by breaking the transport.</summary>
    /// <returns>The limits in force: none of them is 0 but for the heartbeat, where 0 is none.</returns>
    /// <exception cref="RabbitBackupException">The broker refuses the user, the virtual host, or speaks something else.</exception>
    internal ConnectionTune Run(BrokerOptions options, string virtualHost, string connectionName)
    {
        Send(output => output.Write(ConnectionMethods.ProtocolHeader));
        (MethodId method, byte[] arguments) = Receive();
        Expect(MethodId.ConnectionStart, method);
        string user = Authenticate(arguments, options, connectionName);

        (method, arguments) = Receive();
        if (method == MethodId.ConnectionClose)
        {
            throw CloseReason.WhileAuthenticating(Closed(arguments), target, user);
        }

        if (method == MethodId.ConnectionSecure)
        {
            throw new RabbitBackupException(ErrorCode.BrokerAuthenticationFailed, $"{target} asks a further question at login, which its authentication mechanism should not.") { Target = target };
        }

        Expect(MethodId.ConnectionTune, method);
        ConnectionTune tune = Agree(ConnectionTune.Read(arguments), options.Heartbeat);
        Send(output =>
        {
            ConnectionMethods.WriteTuneOk(output, tune);
            ConnectionMethods.WriteOpen(output, virtualHost);
        });

        (method, arguments) = Receive();
        if (method == MethodId.ConnectionClose)
        {
            throw CloseReason.WhileOpening(Closed(arguments), target, virtualHost, user);
        }

        Expect(MethodId.ConnectionOpenOk, method);
        return tune;
    }

    /// <summary>Both sides' wishes; 0 is none: then the other's holds.</summary>
    internal static ConnectionTune Agree(ConnectionTune broker, TimeSpan heartbeat)
    {
        ushort ours = (ushort)Math.Clamp(Math.Ceiling(heartbeat.TotalSeconds), 0, ushort.MaxValue);
        return broker.FrameMax is > 0 and < MinFrameMax
            ? throw new AmqpProtocolException($"frames of {broker.FrameMax} octets are offered; the protocol asks for at least {MinFrameMax}")
            : new ConnectionTune(
                broker.ChannelMax == 0 ? ushort.MaxValue : broker.ChannelMax,
                broker.FrameMax == 0 ? MaxFrameMax : Math.Min(broker.FrameMax, MaxFrameMax),
                broker.Heartbeat == 0 || ours == 0 ? Math.Max(broker.Heartbeat, ours) : Math.Min(broker.Heartbeat, ours));
    }

    /// <summary>Answers start; returns the user's name for people.</summary>
    private string Authenticate(byte[] arguments, BrokerOptions options, string connectionName)
    {
        ConnectionStart start = ConnectionStart.Read(arguments);
        if (start.VersionMajor != 0 || start.VersionMinor != 9)
        {
            throw new AmqpProtocolException($"it speaks AMQP {start.VersionMajor}.{start.VersionMinor}");
        }

        bool external = options.Tls?.ClientCertificate is not null && options.Credential.UserName.Length == 0;
        string mechanism = external ? "EXTERNAL" : "PLAIN";
        string user = external ? $"certificate {options.Tls!.ClientCertificate!.Subject}" : options.Credential.UserName;
        if (!start.Offers(mechanism))
        {
            throw new RabbitBackupException(ErrorCode.BrokerAuthenticationFailed, $"{target} does not offer the authentication mechanism {mechanism}; it offers: {Encoding.ASCII.GetString(start.Mechanisms)}.")
            {
                Target = target,
                Hint = external ? "Enable rabbitmq_auth_mechanism_ssl and add EXTERNAL to auth_mechanisms, or give a user name and password." : "Enable PLAIN, or log in with a client certificate and no user name.",
            };
        }

        byte[] response = external ? [] : Encoding.UTF8.GetBytes($"\0{options.Credential.UserName}\0{options.Credential.Password}");
        string version = typeof(Handshake).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";
        Send(output => ConnectionMethods.WriteStartOk(output, connectionName, version, mechanism, response));
        return user;
    }

    private CloseArguments Closed(byte[] arguments)
    {
        Send(output => ConnectionMethods.WriteEmpty(output, 0, MethodId.ConnectionCloseOk));
        return CloseArguments.Read(arguments);
    }

    private void Send(Action<IBufferWriter<byte>> write)
    {
        lock (sender.Gate)
        {
            write(sender.Output);
            sender.Flush();
        }
    }

    private static void Expect(MethodId expected, MethodId method)
    {
        if (method != expected)
        {
            throw new AmqpProtocolException($"it sent {method} where {expected} was due");
        }
    }

    private (MethodId Method, byte[] Arguments) Receive()
    {
        while (true)
        {
            ReadOnlySequence<byte> buffer = input.Unread;
            if (!FrameParser.TryRead(ref buffer, InitialFrameMax, out Frame frame))
            {
                if (input.Fill() == 0)
                {
                    throw new EndOfStreamException();
                }

                continue;
            }

            byte[] payload = frame.Payload.ToArray();
            input.Keep(buffer.Length);
            if (frame.Type == FrameType.Heartbeat)
            {
                continue;
            }

            return frame is { Type: FrameType.Method, Channel: 0 }
                ? ((MethodId)new AmqpReader(payload).ReadUInt32(), payload[4..])
                : throw new AmqpProtocolException($"it sent a frame of type {frame.Type} on channel {frame.Channel} before the connection was open");
        }
    }
}
