using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>Answers that a real broker does not give on demand.</summary>
public class ManagementTransportTests
{
    private const string Overview = """{"rabbitmq_version":"4.0.5","cluster_name":"c","node":"n"}""";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nobody_listening_is_transient_and_tells_how_to_enable_the_API()
    {
        using ManagementClient client = new(new BrokerOptions { ManagementUri = new Uri($"http://user:secret@127.0.0.1:{FreePort()}/") });

        RabbitBackupException exception = await Assert.ThrowsAsync<RabbitBackupException>(() => client.GetOverviewAsync(Cancel));

        Assert.Equal((ErrorCode.ManagementApiUnavailable, true), (exception.Code, exception.IsTransient));
        Assert.Equal("Enable it with 'rabbitmq-plugins enable rabbitmq_management', or give -ManagementUri.", exception.Hint);
        Assert.DoesNotContain("secret", exception.ToString());
    }

    [Fact]
    public async Task An_answer_that_does_not_come_is_transient_and_names_the_time_out()
    {
        using ScriptedHttp server = new(context => Thread.Sleep(2000));
        using ManagementClient client = new(server.Options with { ManagementTimeout = TimeSpan.FromMilliseconds(300) });

        RabbitBackupException exception = await Assert.ThrowsAsync<RabbitBackupException>(() => client.GetOverviewAsync(Cancel));

        Assert.Equal((ErrorCode.ManagementApiUnavailable, true), (exception.Code, exception.IsTransient));
        Assert.Contains("/api/overview", exception.Message);
    }

    [Fact]
    public async Task An_address_that_takes_no_connection_is_passed_over_and_not_asked_again()
    {
        int asked = 0;
        using ScriptedHttp server = new(context =>
        {
            asked++;
            Send(context, Overview);
        });
        using ManagementClient client = new(server.Options with { ManagementUri = new Uri($"http://127.0.0.1:{FreePort()}/"), FurtherManagementUris = [server.Options.ManagementUri!] });

        await client.GetOverviewAsync(Cancel);
        await client.GetOverviewAsync(Cancel);

        Assert.Equal((2, server.Options.ManagementUri!.AbsoluteUri), (asked, client.DisplayUri));
    }

    [Fact]
    public async Task A_cancellation_stays_one()
    {
        using ScriptedHttp server = new(context => Thread.Sleep(2000));
        using ManagementClient client = new(server.Options);
        using CancellationTokenSource cancel = new(100);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.GetOverviewAsync(cancel.Token));
    }

    [Fact]
    public async Task A_redirect_is_not_followed_and_names_where_it_points()
    {
        using ScriptedHttp server = new(context =>
        {
            context.Response.StatusCode = 302;
            context.Response.RedirectLocation = "http://elsewhere.example/login?token=abc";
        });
        using ManagementClient client = new(server.Options);

        RabbitBackupException exception = await Assert.ThrowsAsync<RabbitBackupException>(() => client.GetOverviewAsync(Cancel));

        Assert.Equal((ErrorCode.ManagementApiUnavailable, false), (exception.Code, exception.IsTransient));
        Assert.Contains("http://elsewhere.example", exception.Message);
        Assert.DoesNotContain("token", exception.Message);
        Assert.Equal(1, server.Requests);
    }

    [Theory]
    [InlineData(503, true)]
    [InlineData(500, true)]
    [InlineData(429, true)]
    [InlineData(418, false)]
    public async Task Other_status_codes_are_transient_where_a_later_call_may_succeed(int status, bool transient)
    {
        using ScriptedHttp server = new(context => context.Response.StatusCode = status);
        using ManagementClient client = new(server.Options);

        RabbitBackupException exception = await Assert.ThrowsAsync<RabbitBackupException>(() => client.GetOverviewAsync(Cancel));

        Assert.Equal((ErrorCode.ManagementApiUnavailable, transient), (exception.Code, exception.IsTransient));
        Assert.Contains($"HTTP {status}", exception.Message);
    }

    [Fact]
    public async Task A_question_that_the_broker_stumbles_over_is_asked_again()
    {
        int requests = 0;
        using ScriptedHttp server = new(context =>
        {
            if (Interlocked.Increment(ref requests) < 3)
            {
                context.Response.StatusCode = 500;
                return;
            }

            Send(context, Overview);
        });
        using ManagementClient client = new(server.Options);

        await client.GetOverviewAsync(Cancel);

        Assert.Equal(3, server.Requests);
    }

    [Theory]
    [InlineData("<html>")]
    [InlineData("{}")]
    [InlineData("""{"rabbitmq_version":7}""")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[")]
    public async Task What_is_not_the_API_is_told_so(string body)
    {
        using ScriptedHttp server = new(context => Send(context, body));
        using ManagementClient client = new(server.Options);

        RabbitBackupException exception = await Assert.ThrowsAsync<RabbitBackupException>(() => client.GetOverviewAsync(Cancel));

        Assert.Equal(ErrorCode.ManagementApiUnavailable, exception.Code);
        Assert.Contains("-ManagementUri", exception.Hint);
    }

    [Fact]
    public async Task A_compressed_answer_is_read_and_a_bomb_ends_at_the_cap()
    {
        bool bomb = false;
        using ScriptedHttp server = new(context =>
        {
            Assert.Contains("gzip", context.Request.Headers["Accept-Encoding"]);
            context.Response.AddHeader("Content-Encoding", "gzip");
            using GZipStream gzip = new(context.Response.OutputStream, CompressionLevel.Fastest);
            byte[] block = bomb ? new byte[1 << 20] : Encoding.UTF8.GetBytes(Overview);
            for (int i = 0; i < (bomb ? 100 : 1); i++)
            {
                gzip.Write(block);
            }
        });
        using ManagementClient client = new(server.Options);

        Assert.Equal("c", (await client.GetOverviewAsync(Cancel)).ClusterName);
        bomb = true;
        RabbitBackupException exception = await Assert.ThrowsAsync<RabbitBackupException>(() => client.GetOverviewAsync(Cancel));

        Assert.Contains("in one answer", exception.Message);
    }

    [Fact]
    public async Task A_path_prefix_of_the_API_and_the_credentials_are_sent()
    {
        string? path = null, authorization = null;
        using ScriptedHttp server = new(context =>
        {
            path = context.Request.RawUrl;
            authorization = context.Request.Headers["Authorization"];
            Send(context, Overview);
        });
        using ManagementClient client = new(server.Options with { ManagementUri = new Uri(server.Options.ManagementUri!, "/rabbit/"), Credential = new("üser", "pä:ss") });

        await client.GetOverviewAsync(Cancel);

        Assert.StartsWith("/rabbit/api/overview", path);
        Assert.Equal("Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("üser:pä:ss")), authorization);
    }

    [Fact]
    public async Task A_queue_that_slips_between_two_pages_is_found_by_the_list_of_names()
    {
        using ScriptedHttp server = new(context =>
        {
            string url = context.Request.RawUrl!;
            Send(context, url switch
            {
                _ when url.Contains("page=1", StringComparison.Ordinal) => Page("a", "b"),
                _ when url.Contains("page=2", StringComparison.Ordinal) => Page("b", "d"),
                _ when url.EndsWith("/api/queues?columns=vhost,name", StringComparison.Ordinal) => """[{"vhost":"/","name":"a"},{"vhost":"/","name":"c"},{"vhost":"/","name":"d"}]""",
                _ when url.StartsWith("/api/queues/%2F/c?", StringComparison.Ordinal) => Item("c"),
                _ => "[]",
            });
        });
        using ManagementClient client = new(server.Options);

        List<QueueInfo> queues = await client.ListQueuesAsync(null, Cancel).ToListAsync(Cancel);

        Assert.Equal(["a", "b", "d", "c"], queues.Select(queue => queue.Name));

        static string Page(params string[] names) => $$"""{"page_count":2,"items":[{{string.Join(',', names.Select(Item))}}]}""";
        static string Item(string name) => $$"""{"vhost":"/","name":"{{name}}","type":"classic"}""";
    }

    private static void Send(HttpListenerContext context, string body) => context.Response.OutputStream.Write(Encoding.UTF8.GetBytes(body));

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private sealed class ScriptedHttp : IDisposable
    {
        private readonly HttpListener _listener = new();
        private int _requests;

        internal ScriptedHttp(Action<HttpListenerContext> answer)
        {
            string prefix = $"http://127.0.0.1:{FreePort()}/";
            _listener.Prefixes.Add(prefix);
            _listener.Start();
            Options = new BrokerOptions { ManagementUri = new Uri(prefix) };
            _ = Task.Run(() => ServeAsync(answer));
        }

        internal BrokerOptions Options { get; }

        internal int Requests => _requests;

        public void Dispose() => _listener.Close();

        private async Task ServeAsync(Action<HttpListenerContext> answer)
        {
            while (_listener.IsListening)
            {
                try
                {
                    HttpListenerContext context = await _listener.GetContextAsync();
                    Interlocked.Increment(ref _requests);
                    answer(context);
                    context.Response.Close();
                }
                catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException or IOException or InvalidOperationException)
                {
                    // The client has gone, or the test is over.
                }
            }
        }
    }
}
