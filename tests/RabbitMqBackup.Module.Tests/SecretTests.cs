using System.Collections;
using System.Diagnostics.Metrics;
using System.Management.Automation;
using System.Net;
using System.Net.Http.Json;
using System.Reflection;
using System.Text;
using RabbitMQ.Client;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

/// <summary>
/// Canaries: secrets that are used everywhere and must show up nowhere: in no stream, error record, property of any object however deep, host output, metric, manifest, checkpoint, lease or
/// other file. A message's body is shown by the one cmdlet that is there for it, and by no other; definitions hold password hashes and the secrets of links, and the files that they are exported to.
/// </summary>
public sealed class SecretTests : BrokerTest
{
    private const string Password = "canary-Passw0rt:@/?#";
    private const string WrongPassword = "canary-Falsch-77";
    private const string Key = "canaryKeyAAAA4444";
    private const string Link = "canary-Link-31";
    private const string Body = "canary-body-9d2f";

    /// <summary>Addresses of stores that are refused.</summary>
    internal static readonly string[] Addresses =
    [
        $"s3://bucket/prefix?endpoint=http://127.0.0.1:1&region=x&access_key={Key}&secret_key={Key}", $"azblob://account/container?sas=sv%3D1%26sig%3D{Key}", $"s3://user:{Key}@bucket/x",
        $"azblob://user:{Key}@account/container", $"ftp://user:{Key}@host/",
    ];

    /// <summary>Addresses of brokers that are refused.</summary>
    internal static readonly string[] Brokers = [$"amqp://u:{WrongPassword}@host:notaport/", $"http://u:{WrongPassword}@host/", $"amqp://u:{WrongPassword}@ho st/"];

    private readonly List<string> _secrets = [Key, Link, Body, Convert.ToBase64String(Encoding.UTF8.GetBytes(Body))];
    private readonly List<string> _metrics = [];

    [Fact]
    public async Task No_cmdlet_gives_a_secret_away_whether_it_succeeds_or_fails()
    {
        string user = $"canary-{VirtualHost.Name}";
        foreach (string password in new[] { Password, WrongPassword })
        {
            // As it is, in a URI, and as Basic and PLAIN send it.
            string[] forms = [password, $"{user}:{password}", $"\0{user}\0{password}"];
            _secrets.AddRange([Uri.EscapeDataString(password), password, .. forms.Select(form => Convert.ToBase64String(Encoding.UTF8.GetBytes(form)))]);
        }

        await MakeQueuesAsync();
        await MakeUserAsync(user);
        try
        {
            using MeterListener listener = Listen();
            await using Timer asking = new(_ => listener.RecordObservableInstruments(), null, TimeSpan.Zero, TimeSpan.FromMilliseconds(100));
            await SetVariablesAsync(user);
            List<string> told = [], surprises = [];
            foreach ((string script, bool fails) in SecretScripts.All())
            {
                if (script.Contains("$Folder/damaged", StringComparison.Ordinal) && !Directory.Exists(Path.Combine(Folder, "damaged")))
                {
                    Damage();
                }

                SessionResult result = Session.Run($"$VerbosePreference = $DebugPreference = 'Continue'; {script}");
                surprises.AddRange(result.Errors.Count > 0 == fails ? [] : [$"{script}: {string.Join("; ", result.Errors)}"]);
                foreach (string text in Texts(result).Concat(Lists(result)).Concat(Metrics()))
                {
                    if (_secrets.FirstOrDefault(secret => text.Contains(secret, StringComparison.Ordinal)) is { } secret)
                    {
                        told.Add($"{script}: '{secret}' in '{text}'");
                    }
                }
            }

            Assert.True(told.Count == 0, string.Join('\n', told.Distinct()));
            Assert.True(surprises.Count == 0, string.Join('\n', surprises));
            Assert.NotEmpty(_metrics);
            Assert.DoesNotContain(_secrets, secret => Session.Host.Shown.Contains(secret, StringComparison.Ordinal));
            AssertEachCmdletRan();
            AssertFilesAreClean();
        }
        finally
        {
            using HttpResponseMessage deleted = await Broker.Management.DeleteAsync($"users/{user}", CancellationToken.None);
        }
    }

    /// <summary>A new cmdlet has to come here as well, once as it should be used and once with what fails.</summary>
    private void AssertEachCmdletRan()
    {
        string[] names = [.. Session.RunCleanly("(Get-Command -Module RabbitMqBackup).Name").Select(name => name.ToString())];
        Assert.True(names.Length > 15);
        foreach (bool fails in new[] { true, false })
        {
            Assert.All(names, name => Assert.True(SecretScripts.All().Any(row => row.Fails == fails && row.Script.Contains(name, StringComparison.Ordinal)), $"{name}, {(fails ? "failing" : "at its work")}, was not tried"));
        }
    }

    private async Task MakeQueuesAsync()
    {
        await FillAsync("orders", 20);
        await Channel.BasicPublishAsync("", "orders", mandatory: true, new BasicProperties(), Encoding.UTF8.GetBytes(Body), Cancellation);
        await FillAsync("deep", 600, bytes: 1_000);
        await Channel.QueueDeclareAsync("log", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "stream" }, cancellationToken: Cancellation);
        await Channel.BasicPublishAsync("", "log", mandatory: true, new BasicProperties(), Encoding.UTF8.GetBytes(Body), Cancellation);

        // It takes one message and refuses the rest.
        await Channel.QueueDeclareAsync(
            "full", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-max-length"] = 1, ["x-overflow"] = "reject-publish" }, cancellationToken: Cancellation);
        Directory.CreateDirectory(Folder);
        await File.WriteAllTextAsync(Path.Combine(Folder, "blocked"), "", Cancellation);
        await File.WriteAllTextAsync(Path.Combine(Folder, "service-account.json"), $$"""{"type":"service_account","private_key":"{{Key}}","client_email":"a@b"}""", Cancellation);
        foreach ((string file, string component) in new[] { ("link.json", "shovel-that-is-none"), ("parameter.json", "operator_policy") })
        {
            string parameter = component == "operator_policy"
                ? $$$"""{"policies":[{"vhost":"{{{VirtualHost.Name}}}","name":"p","pattern":"^none$","apply-to":"queues","priority":0,"definition":{"max-length":10}}]}"""
                : $$$"""{"parameters":[{"vhost":"{{{VirtualHost.Name}}}","component":"{{{component}}}","name":"link","value":{"src-uri":"amqp://u:{{{Link}}}@host","src-queue":"a","dest-uri":"amqp://u:{{{Link}}}@host","dest-queue":"b"}}]}""";
            await File.WriteAllTextAsync(Path.Combine(Folder, file), parameter, Cancellation);
        }
    }

    /// <summary>A copy of the backup with JSON records, in which one byte of a message's place is another.</summary>
    private void Damage()
    {
        string segment = Directory.GetFiles(Path.Combine(Store, "json"), "segment-*", SearchOption.AllDirectories).Single(), damaged = segment.Replace(Store, Path.Combine(Folder, "damaged"), StringComparison.Ordinal);
        foreach (string file in new[] { segment, Path.Combine(Store, "json", "manifest.json") })
        {
            string copy = file.Replace(Store, Path.Combine(Folder, "damaged"), StringComparison.Ordinal);
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        byte[] bytes = File.ReadAllBytes(damaged);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(damaged, bytes);
    }

    private async Task SetVariablesAsync(string user)
    {
        string at = $"{Broker.Host}:{Broker.AmqpPort}/{Uri.EscapeDataString(VirtualHost.Name)}";
        Session.Set("Good", $"amqp://{user}:{Uri.EscapeDataString(Password)}@{at}");
        Session.Set("Wrong", $"amqp://{user}:{WrongPassword}@{at}");
        Session.Set("Dead", $"amqp://{user}:{Uri.EscapeDataString(Password)}@127.0.0.1:1/");
        Session.Set("StreamUri", new Uri($"rabbitmq-stream://{Broker.Host}:{Broker.StreamPort}"));
        Session.Set("Credential", NewCredential(user, Password));
        Session.Set("HostName", VirtualHost.Name);
        Session.Set("Addresses", Addresses);
        Session.Set("Brokers", Brokers);
        Session.Set("WrongSas", NewCredential("x", $"sv=2021-08-06&sr=c&sp=rl&se=2099-01-01T00%3A00%3A00Z&sig={Key}").Password);
        Session.Set("WrongToken", NewCredential("x", Key).Password);
        try
        {
            CephServer s3 = await CephServer.GetAsync();
            await s3.CreateBucketAsync(VirtualHost.Name);
            SetCloud("S3", $"s3://{VirtualHost.Name}/x", s3.Endpoint, NewCredential(s3.AccessKey, s3.SecretKey), NewCredential(s3.AccessKey, Key));
            AzuriteServer azure = await AzuriteServer.GetAsync();
            await azure.CreateContainerAsync(VirtualHost.Name);
            string wrong = Convert.ToBase64String(Encoding.UTF8.GetBytes(Key));
            SetCloud("Azure", $"azblob://{azure.Account}/{VirtualHost.Name}/x", azure.Endpoint, NewCredential(azure.Account, azure.Key), NewCredential(azure.Account, wrong));
            Session.Set("WrongConnection", NewCredential("x", $"DefaultEndpointsProtocol=http;AccountName={azure.Account};AccountKey={wrong};BlobEndpoint={azure.Endpoint};").Password);
            _secrets.AddRange([s3.SecretKey, azure.Key, wrong]);
        }
        catch (TestServerUnavailableException reason)
        {
            Assert.Skip(reason.Message);
        }
    }

    private void SetCloud(string name, string address, Uri endpoint, PSCredential key, PSCredential wrong)
    {
        Session.Set(name, address);
        Session.Set($"{name}Endpoint", endpoint);
        Session.Set($"{name}Key", key);
        Session.Set($"{name}WrongKey", wrong);
    }

    private static PSCredential NewCredential(string user, string password) => new(user, new NetworkCredential("", password).SecurePassword);

    private string[] Metrics()
    {
        lock (_metrics)
        {
            return [.. _metrics];
        }
    }

    /// <summary>What the module measures, with its tags, asked for all the time.</summary>
    private MeterListener Listen()
    {
        MeterListener listener = new()
        {
            InstrumentPublished = (instrument, own) =>
            {
                if (instrument.Meter.Name == "RabbitMqBackup")
                {
                    own.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            lock (_metrics)
            {
                _metrics.Add($"{instrument.Name} {instrument.Description} {value} {string.Join(' ', tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}"))}");
            }
        });
        listener.Start();
        return listener;
    }

    /// <summary>What a script gave, in all streams. Properties that PowerShell adds by scripts (as to files) need its runspace and are not ours: objects are looked at as they are.</summary>
    private static IEnumerable<string> Texts(SessionResult result) =>
    [
        .. result.Output.SelectMany(item => Deep(item)),
        .. result.Errors.SelectMany(error => Deep(error)),
        .. result.Errors.Select(error => $"{error} {error.Exception} {error.TargetObject} {error.ErrorDetails?.Message} {error.ErrorDetails?.RecommendedAction}"),
        .. result.Warnings,
        .. result.Verbose,
        .. result.Debug,
        .. result.Progress.Select(record => record.ToString()),
    ];

    /// <summary>Every public property that there is, as Format-List * and what is behind it: names, texts, collections, to a depth of five.</summary>
    private static IEnumerable<string> Deep(object? item, int depth = 5, HashSet<object>? seen = null)
    {
        seen ??= new HashSet<object>(ReferenceEqualityComparer.Instance);
        object? value = item is PSObject wrapped && wrapped.BaseObject is not PSCustomObject ? wrapped.BaseObject : item;
        if (value is null || depth == 0 || !seen.Add(value))
        {
            yield break;
        }

        string text;
        try
        {
            text = value.ToString() ?? "";
        }
        catch (Exception exception)
        {
            text = exception.ToString();
        }

        yield return text;
        if (value is byte[] bytes)
        {
            yield return Encoding.Latin1.GetString(bytes);
        }

        if (value is string || value.GetType().IsPrimitive || value is Type or Assembly or MemberInfo or PSCredential)
        {
            yield break;
        }

        if (value is IEnumerable many)
        {
            foreach (object? one in many)
            {
                foreach (string inner in Deep(one, depth - 1, seen))
                {
                    yield return inner;
                }
            }
        }

        foreach (PropertyInfo property in value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.GetIndexParameters().Length == 0 && property.CanRead))
        {
            object? inner;
            try
            {
                inner = property.GetValue(value);
            }
            catch (TargetInvocationException)
            {
                continue;
            }

            // The command that was typed holds what was typed.
            if (inner is InvocationInfo)
            {
                continue;
            }

            foreach (string found in Deep(inner, depth - 1, seen))
            {
                yield return found;
            }
        }
    }

    /// <summary>What Format-List * shows of what came, errors too: each property that PowerShell sees. (The cmdlet itself is not in a hosted session.)</summary>
    private List<string> Lists(SessionResult result)
    {
        Session.Set("Seen", result.Output.Concat(result.Errors.Select(error => new PSObject(error))).Where(item => item?.BaseObject is not FileInfo).ToArray());
        return [.. Session.RunCleanly("foreach ($item in $Seen) { foreach ($property in $item.PSObject.Properties) { try { \"$($property.Name) : $($property.Value)\" } catch { \"$($property.Name) : $_\" } } }").Select(text => text.ToString())];
    }

    private void AssertFilesAreClean()
    {
        string[] inputs = ["link.json", "service-account.json"];
        List<string> looked = [];
        foreach (string file in Directory.GetFiles(Folder, "*", SearchOption.AllDirectories).Where(file => !file.Contains("segment-", StringComparison.Ordinal) && !inputs.Contains(Path.GetFileName(file))))
        {
            string content = Encoding.Latin1.GetString(File.ReadAllBytes(file)), utf16 = Encoding.Unicode.GetString(File.ReadAllBytes(file));
            Assert.DoesNotContain(_secrets, secret => content.Contains(secret, StringComparison.Ordinal) || utf16.Contains(secret, StringComparison.Ordinal));
            looked.Add(file);
        }

        // One was cut, so that there is a checkpoint on this machine and its copy in the store.
        foreach (string kind in new[] { "manifest.json", "offsets.db", Path.Combine(Folder, "checkpoints") + Path.DirectorySeparatorChar, "undo.json", "definitions.json" })
        {
            Assert.True(looked.Exists(file => file.Contains(kind, StringComparison.Ordinal)), $"there is no '{kind}' to look into");
        }
    }

    private async Task MakeUserAsync(string user)
    {
        using HttpResponseMessage made = await Broker.Management.PutAsJsonAsync($"users/{user}", new { password = Password, tags = "administrator" }, Cancellation);
        made.EnsureSuccessStatusCode();
        using HttpResponseMessage allowed = await Broker.Management.PutAsJsonAsync(
            $"permissions/{Uri.EscapeDataString(VirtualHost.Name)}/{user}", new { configure = ".*", write = ".*", read = ".*" }, Cancellation);
        allowed.EnsureSuccessStatusCode();
    }
}
