using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Opens the byte stream under a connection: TCP, and TLS where it is asked for.</summary>
internal static class StreamSocket
{
    /// <summary>Connects, within the caller's cancellation.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BrokerUnreachable"/>: nobody listens, the name is unknown, or TLS can't be agreed on.</exception>
    internal static async Task<Stream> ConnectAsync(DnsEndPoint endpoint, TlsOptions? tls, CancellationToken cancellationToken)
    {
        // Credit frames are 11 bytes: without NoDelay each would wait for an acknowledgement of the one before.
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Stream? stream = null;
        try
        {
            await socket.ConnectAsync(endpoint, cancellationToken).ConfigureAwait(false);
            stream = new NetworkStream(socket, ownsSocket: true);
            if (tls is null)
            {
                return stream;
            }

            SslStream secured = new(stream, leaveInnerStreamOpen: false);
            stream = secured;
            await secured.AuthenticateAsClientAsync(Authentication(endpoint.Host, tls), cancellationToken).ConfigureAwait(false);
            return secured;
        }
        catch (Exception e)
        {
            socket.Dispose();
            if (stream is not null)
            {
                await stream.DisposeAsync().ConfigureAwait(false);
            }

            throw e switch
            {
                SocketException => Unreachable(endpoint, "the stream endpoint can't be connected to", e, "Check host and port, and that the plugin rabbitmq_stream is enabled."),
                AuthenticationException => Unreachable(endpoint, "TLS with the stream endpoint failed", e, "Check the certificate authority (-CaCertificate) and the host name."),
                IOException => Unreachable(endpoint, "the stream endpoint broke off while TLS was agreed on", e, "Check that the port speaks TLS (5551 by default)."),
                _ => e,
            };
        }
    }

    private static RabbitBackupException Unreachable(DnsEndPoint endpoint, string what, Exception inner, string hint) =>
        new(ErrorCode.BrokerUnreachable, $"{endpoint.Host}:{endpoint.Port}: {what}.", inner)
        {
            Target = $"{endpoint.Host}:{endpoint.Port}",
            IsTransient = inner is SocketException,
            Hint = hint,
        };

    private static SslClientAuthenticationOptions Authentication(string host, TlsOptions tls)
    {
        SslClientAuthenticationOptions options = new() { TargetHost = host };
        if (tls.ClientCertificate is { } certificate)
        {
            options.ClientCertificates = [certificate];
        }

        if (tls.SkipCertificateCheck)
        {
            options.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        }
        else if (tls.CaCertificates is { } authorities)
        {
            // A private authority rarely publishes revocation lists; SslStream's own default does not look for them either.
            X509ChainPolicy policy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(authorities);
            options.CertificateChainPolicy = policy;
        }

        return options;
    }
}
