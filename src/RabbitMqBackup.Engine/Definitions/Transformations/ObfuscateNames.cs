using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions.Transformations;

/// <summary>
/// Replaces all names by numbered ones, the same by the same, so that the shape of a cluster can be shown to others. What holds names or addresses in free text (descriptions, shovels, federation) is
/// left out, permissions become none, and policies select the queues that they selected before.
/// </summary>
internal sealed class ObfuscateNames()
    : Transformation("ObfuscateNames", "Replaces all names by numbered ones, redacts passwords, and leaves out what holds names in free text. Fit to be shown, not to be imported in earnest.")
{
    private static readonly TimeSpan MatchTimeout = TimeSpan.FromMilliseconds(200);

    internal override DefinitionsDocument Apply(DefinitionsDocument document, List<TransformationChange> changes)
    {
        Pseudonyms names = new();
        DefinitionsRenamer renamer = new()
        {
            VirtualHost = name => name == "/" ? name : names.For("vhost", name),
            User = name => names.For("user", name),
            Queue = (_, name) => names.For("queue", name),
            Exchange = (_, name) => names.For("exchange", name),
        };
        List<DefinitionObject> kept = [];
        foreach (DefinitionObject item in new RedactSecrets().Apply(document, []).Objects)
        {
            if (item is GlobalParameterDefinition or ParameterDefinition { Component: not ("operator_policy" or "vhost-limits") })
            {
                changes.Add(Change(item, "left out", isRemoval: true));
                continue;
            }

            DefinitionObject hidden = renamer.Apply(item).With(json => Clean(item, json, names, document));
            changes.Add(Change(item, $"became {hidden}"));
            kept.Add(hidden);
        }

        return DefinitionsDocument.FromObjects(kept);
    }

    private static void Clean(DefinitionObject item, JsonObject json, Pseudonyms names, DefinitionsDocument document)
    {
        switch (item)
        {
            case VirtualHostDefinition:
                json["description"] = "";
                json["tags"] = new JsonArray();
                json.Remove("metadata");
                break;
            case PermissionDefinition or TopicPermissionDefinition:
                foreach (string right in new[] { "configure", "write", "read" }.Where(json.ContainsKey))
                {
                    json[right] = (string?)json[right] is { } text and (".*" or "^$" or "") ? text : "^$";
                }

                break;
            case PolicyDefinition policy:
                json["name"] = names.For("policy", policy.Name);
                json["pattern"] = Pattern(policy.Pattern, policy.VirtualHost, names, document);
                Settings(json["definition"] as JsonObject, names);
                break;
            case ParameterDefinition { Component: "operator_policy" }:
                json["name"] = names.For("policy", item.Name);
                if (json["value"] is JsonObject value)
                {
                    value["pattern"] = Pattern((string?)value["pattern"] ?? "", item.VirtualHost, names, document);
                    Settings(value["definition"] as JsonObject, names);
                }

                break;
            case QueueDefinition or ExchangeDefinition:
                Settings(json["arguments"] as JsonObject, names);
                break;
            case BindingDefinition binding:
                json["routing_key"] = names.Words(binding.RoutingKey);
                HideTexts(json["arguments"] as JsonObject, names, key => key is "x-match");
                break;
        }
    }

    /// <summary>Routing keys of dead letters, and texts that are no setting of the broker's own.</summary>
    private static void Settings(JsonObject? settings, Pseudonyms names)
    {
        HideTexts(settings, names, key => key is not ("x-dead-letter-routing-key" or "dead-letter-routing-key" or "federation-upstream" or "federation-upstream-set") && IsKnown(key));

        static bool IsKnown(string key) => (key.StartsWith("x-", StringComparison.Ordinal) ? key[2..] : key) is
            "queue-type" or "overflow" or "queue-mode" or "max-age" or "dead-letter-exchange" or "alternate-exchange" or "dead-letter-strategy" or "queue-leader-locator" or "queue-master-locator"
            or "delayed-type" or "delayed-retry-type" or "ha-mode" or "ha-sync-mode" or "ha-promote-on-shutdown" or "ha-promote-on-failure";
    }

    private static void HideTexts(JsonObject? json, Pseudonyms names, Func<string, bool> isKept)
    {
        foreach (string key in json?.Select(pair => pair.Key).ToList() ?? [])
        {
            if (!isKept(key) && json![key] is JsonValue value && value.TryGetValue(out string? text))
            {
                json[key] = names.Words(text);
            }
        }
    }

    /// <summary>An expression that selects the same queues and exchanges under their new names.</summary>
    private static string Pattern(string pattern, string? host, Pseudonyms names, DefinitionsDocument document)
    {
        if (pattern is "" or ".*" or "^" or "^.*" or ".*$" or "^.*$")
        {
            return pattern;
        }

        IEnumerable<string> queues = document.Queues.Where(queue => queue.VirtualHost == host && Matches(pattern, queue.Name)).Select(queue => names.For("queue", queue.Name));
        IEnumerable<string> exchanges = document.Exchanges.Where(exchange => exchange.VirtualHost == host && Matches(pattern, exchange.Name)).Select(exchange => names.For("exchange", exchange.Name));
        return $"^({string.Join('|', queues.Concat(exchanges).Distinct().Order(StringComparer.Ordinal))})$";
    }

    private static bool Matches(string pattern, string name)
    {
        try
        {
            return Regex.IsMatch(name, pattern, RegexOptions.CultureInvariant, MatchTimeout);
        }
        catch (Exception exception) when (exception is ArgumentException or RegexMatchTimeoutException)
        {
            return false;
        }
    }

    private sealed class Pseudonyms
    {
        private readonly Dictionary<(string, string), string> _names = [];
        private readonly Dictionary<string, int> _counts = [];
        private readonly HashSet<string> _given = [];

        internal string For(string kind, string name)
        {
            if (!_names.TryGetValue((kind, name), out string? pseudonym))
            {
                int number = _counts[kind] = _counts.GetValueOrDefault(kind) + 1;
                _names[(kind, name)] = pseudonym = $"{kind}-{number:0000}";
                _given.Add(pseudonym);
            }

            return pseudonym;
        }

        /// <summary>A routing key or a text: its words replaced, the wildcards of topic bindings kept. What is a queue's name gets the queue's.</summary>
        internal string Words(string text) => _given.Contains(text) ? text : _names.TryGetValue(("queue", text), out string? queue)
            ? queue
            : string.Join('.', text.Split('.').Select(word => word is "" or "*" or "#" ? word : For("word", word)));
    }
}
