using System.Net;
using System.Net.Http.Headers;
using Amazon.Runtime;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// The HTTP side of the AWS library, with answers that come whole or not at all. The library parses listings and other XML with blocking reads on the connection, and its time-out ends with the
/// headers: where a network swallows the rest of an answer, it would wait for ever. Only an object's content is handed on as it comes; its reader has a time-out of its own.
/// </summary>
/// <param name="requestTimeout">For an answer with all of its body.</param>
internal sealed class S3Answers(TimeSpan requestTimeout) : HttpClientFactory
{
    /// <inheritdoc/>
    public override HttpClient CreateHttpClient(IClientConfig clientConfig)
    {
        SocketsHttpHandler network = new() { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(15) };
        if (clientConfig.GetWebProxy() is { } proxy)
        {
            network.Proxy = proxy;
        }

        return new HttpClient(new Whole { InnerHandler = network }) { Timeout = requestTimeout };
    }

    private sealed class Whole : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            HttpResponseMessage response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (request.Method == HttpMethod.Head || IsContent(request, response.StatusCode))
            {
                return response;
            }

            try
            {
                using HttpContent coming = response.Content;
                ByteArrayContent whole = new(await WholeAnswer.ReadAsync(coming, cancellationToken).ConfigureAwait(false));
                foreach ((string name, HeaderStringValues values) in coming.Headers.NonValidated)
                {
                    whole.Headers.TryAddWithoutValidation(name, values);
                }

                response.Content = whole;
                return response;
            }
            catch
            {
                response.Dispose();
                throw;
            }
        }

        private static bool IsContent(HttpRequestMessage request, HttpStatusCode status) =>
            request.Method == HttpMethod.Get && status is HttpStatusCode.OK or HttpStatusCode.PartialContent && request.RequestUri?.Query is null or "" or "?x-id=GetObject";
    }
}
