using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>A TCP connection to a broker, with TLS where asked for.</summary>
internal sealed class Transport : IDisposable
{
    private readonly Socket _socket;

    private Transport(Socket socket, Stream stream) => (_socket, Stream) = (socket, stream);

    /// <summary>What comes and goes. One reader and one writer at a time.</summary>
    internal Stream Stream { get; }

    /// <summary>Something has come that was not read. With TLS it may be less than a whole record, whose rest is on its way then.</summary>
    internal bool HasData => _socket.Available > 0;

    /// <summary>
    /// Connects, on the calling thread. All of it blocks: a socket that was once used asynchronously takes the way over the thread pool for every read, which costs several times as much.
    /// </summary>
    /// <exception cref="RabbitBackupException">The host is unknown, does not answer or refuses, or TLS can't be agreed upon.</exception>
    /// <exception cref="OperationCanceledException">The token, which breaks whatever is under way.</exception>
    internal static Transport Connect(DnsEndPoint endpoint, TlsOptions? tls, CancellationToken cancellationToken)
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Stream? stream = null;
        using CancellationTokenRegistration abort = cancellationToken.Register(socket.Dispose);
        try
        {
            socket.Connect(endpoint);
            stream = new NetworkStream(socket, ownsSocket: false);
            if (tls is not null)
            {
                SslStream secured = new(stream, leaveInnerStreamOpen: false);
                stream = secured;
                secured.AuthenticateAsClient(TlsSettings(tls, endpoint.Host));
            }

            cancellationToken.ThrowIfCancellationRequested();
            return new Transport(socket, stream);
        }
        catch (Exception exception)
        {
            stream?.Dispose();
            socket.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            if (exception is SocketException or IOException or AuthenticationException)
            {
                throw Translate(exception, endpoint, tls is not null);
            }

            throw;
        }
    }

    /// <summary>Breaks the connection at once; whoever reads or writes gets an error.</summary>
    internal void Abort() => _socket.Dispose();

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket.Dispose();
        Stream.Dispose();
    }

    private static SslClientAuthenticationOptions TlsSettings(TlsOptions tls, string host)
    {
        SslClientAuthenticationOptions settings = new() { TargetHost = host };
        if (tls.ClientCertificate is { } certificate)
        {
            settings.ClientCertificates = [certificate];
        }

        if (tls.SkipCertificateCheck)
        {
            settings.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        }
        else if (tls.CaCertificates is { Count: > 0 } authorities)
        {
            settings.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            settings.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        }

        return settings;
    }

    private static RabbitBackupException Translate(Exception exception, DnsEndPoint endpoint, bool tls)
    {
        string target = Name(endpoint, tls);
        return exception switch
        {
            SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } => new RabbitBackupException(
                ErrorCode.BrokerUnreachable, $"The host '{endpoint.Host}' is not known.", exception)
            { Target = target, IsTransient = true, Hint = "Check the host name in the connection URI." },
            SocketException { SocketErrorCode: SocketError.ConnectionRefused } => new RabbitBackupException(
                ErrorCode.BrokerUnreachable, $"{target} refuses connections.", exception)
            { Target = target, IsTransient = true, Hint = "Check that the broker runs and that host and port are right." },
            SocketException => new RabbitBackupException(
                ErrorCode.BrokerUnreachable, $"{target} can't be reached.", exception)
            { Target = target, IsTransient = true, Hint = "Check host, port, network and firewall." },
            AuthenticationException => new RabbitBackupException(
                ErrorCode.BrokerUnreachable, $"TLS with {target} failed: {exception.Message}", exception)
            {
                Target = target,
                Hint = "Check that the certificate names this host; give its authority with -CaCertificate, or accept any certificate with -SkipCertificateCheck.",
            },
            _ => new RabbitBackupException(
                ErrorCode.BrokerUnreachable, $"{target} ended the connection during the TLS handshake.", exception)
            {
                Target = target,
                IsTransient = true,
                Hint = "Check that this port speaks TLS, and whether the broker wants a client certificate.",
            },
        };
    }

    /// <summary>An endpoint for people.</summary>
    internal static string Name(DnsEndPoint endpoint, bool tls) => $"{(tls ? "amqps" : "amqp")}://{endpoint.Host}:{endpoint.Port}";
}
